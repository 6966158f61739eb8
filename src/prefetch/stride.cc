// SPDX-License-Identifier: Apache-2.0
#include "prefetch/stride.h"

#include <algorithm>

namespace shoal::prefetch {
namespace {

constexpr std::uint32_t kNamesNeededMin = 3;
constexpr std::uint32_t kNamesNeededMax = 24;
constexpr std::uint64_t kShareMinBytes = 1u << 20;

}  // namespace

Stride::Stride(const StrideOptions& options, Catalog& catalog, Proposals& proposals)
    : options_(options), catalog_(catalog), proposals_(proposals) {}

bool Stride::on_read(const ReadSeen& read) {
  ++tick_;
  confidence_.on_read();
  if (confidence_.is_silent() != was_silent_) share_window();
  for (Entry& entry : striders_) {
    if (!entry.strider->on_read(read)) continue;
    entry.used_at = tick_;
    return true;
  }
  return false;
}

bool Stride::on_file(const ReadSeen& read, const CatalogFile& file) {
  if (offer(read, file, /*only_known_rows=*/true) || offer(read, file, /*only_known_rows=*/false))
    return true;
  auto found = candidates_.add(file.path, confidence_.evidence(kNamesNeededMin, kNamesNeededMax));
  if (!found || confidence_.is_silent()) return false;
  add(std::move(*found));
  return true;
}

// A file of a row that is being read belongs there, whoever else might begin a row with it.
bool Stride::offer(const ReadSeen& read, const CatalogFile& file, bool only_known_rows) {
  for (Entry& entry : striders_) {
    const auto path = split_below(file.path, entry.strider->parent());
    if (!path || entry.strider->has_row(path->suffix) != only_known_rows) continue;
    if (!entry.strider->on_file(read, *path)) continue;
    entry.used_at = tick_;
    return true;
  }
  return false;
}

void Stride::add(StrideCandidates::Found found) {
  if (striders_.size() == kStridersMax) {
    const auto oldest =
        std::min_element(striders_.begin(), striders_.end(),
                         [](const Entry& a, const Entry& b) { return a.used_at < b.used_at; });
    stats_.proposed_bytes += oldest->strider->proposed_bytes();
    striders_.erase(oldest);
  }
  Strider::Names known;
  for (const Entry& entry : striders_)
    if (entry.strider->parent() == found.parent && entry.strider->mode() == Strider::Mode::by_list)
      known = entry.strider->names();
  LookaheadOptions ahead;
  ahead.window_bytes_max = options_.window_bytes_max;
  const auto is_taken = [this](const Strider& asking, const std::string& suffix) {
    return std::any_of(striders_.begin(), striders_.end(), [&](const Entry& entry) {
      return entry.strider.get() != &asking && entry.strider->parent() == asking.parent() &&
             entry.strider->has_row(suffix);
    });
  };
  striders_.push_back({std::make_shared<Strider>(Strider::Options{options_.geometry, ahead},
                                                 catalog_, proposals_, is_taken, std::move(found)),
                       tick_});
  share_window();
  striders_.back().strider->start(known);
}

void Stride::share_window() {
  was_silent_ = confidence_.is_silent();
  if (striders_.empty()) return;
  const std::uint64_t least = std::min(kShareMinBytes, options_.window_bytes_max);
  const std::uint64_t share =
      std::min(std::max(options_.window_bytes_max / striders_.size(), least),
               confidence_.ceiling(least, options_.window_bytes_max));
  for (Entry& entry : striders_) {
    entry.strider->limit(share);
    entry.strider->set_muted(was_silent_);
  }
}

void Stride::on_used(const Range& range) {
  stats_.used_bytes += range.length;
  const std::uint32_t before = confidence_.level();
  confidence_.on_used(range.length);
  if (confidence_.level() != before) share_window();
}

void Stride::on_wasted(const Range& range) {
  stats_.wasted_bytes += range.length;
  const std::uint32_t before = confidence_.level();
  confidence_.on_wasted(range.length);
  if (confidence_.level() != before) share_window();
}

PolicyStats Stride::stats() const {
  PolicyStats stats = stats_;
  for (const Entry& entry : striders_) stats.proposed_bytes += entry.strider->proposed_bytes();
  return stats;
}

std::uint64_t Stride::outstanding_bytes() const {
  std::uint64_t bytes = 0;
  for (const Entry& entry : striders_) bytes += entry.strider->outstanding_bytes();
  return bytes;
}

std::vector<Strider::Mode> Stride::modes() const {
  std::vector<Strider::Mode> modes;
  for (const Entry& entry : striders_) modes.push_back(entry.strider->mode());
  return modes;
}

}  // namespace shoal::prefetch
