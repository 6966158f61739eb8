// SPDX-License-Identifier: Apache-2.0
#include "prefetch/lookahead.h"

#include <algorithm>

namespace shoal::prefetch {
namespace {

// Files read remain known for so many more: pieces of a large file come late and in any order.
constexpr std::uint64_t kReadFilesKept = 64;

}  // namespace

Lookahead::Lookahead(const LookaheadOptions& options)
    : options_(options),
      window_bytes_(std::min(options.window_bytes_min, options.window_bytes_max)),
      window_files_(options.window_files_min),
      limit_bytes_(options.window_bytes_max) {}

std::optional<Lookahead::Hit> Lookahead::on_read(const ReadSeen& read) {
  auto found = by_begin_.upper_bound(read.range.begin.value);
  if (found == by_begin_.begin()) return std::nullopt;
  --found;
  const std::uint64_t number = found->second;
  File& file = files_[number - base_];
  if (read.range.begin.value >= file.range.end()) return std::nullopt;
  if (!read.hit && number >= grown_at_) waited_ = true;
  const Hit hit{file.tag, !file.is_read};
  note_read(number);
  // The kernel's readahead goes on into files that lie behind this one.
  for (++found; found != by_begin_.end() && found->first < read.range.end(); ++found)
    note_read(found->second);
  for (; furthest_ <= number; ++furthest_) {
    const File& passed = files_[furthest_ - base_];
    if (passed.is_read) continue;
    behind_bytes_ += passed.range.length;
    behind_files_ += 1;
  }
  retire();
  return hit;
}

void Lookahead::note_read(std::uint64_t number) {
  File& file = files_[number - base_];
  if (file.is_read) return;
  file.is_read = true;
  ++files_read_;
  unread_bytes_ -= file.range.length;
  unread_files_ -= 1;
  if (number >= furthest_) return;
  behind_bytes_ -= file.range.length;
  behind_files_ -= 1;
}

bool Lookahead::has_too_many_behind() const {
  const std::uint32_t files_max = options_.behind_grows
                                      ? std::max(window_files_ / 2, options_.behind_files_max)
                                      : options_.behind_files_max;
  return behind_bytes_ * 2 > limit_bytes_ || behind_files_ > files_max;
}

void Lookahead::retire() {
  while (!files_.empty() && base_ < furthest_) {
    // Unread files go when there are too many; those read are in the way of that, or old.
    const bool is_old = files_.front().is_read && base_ + kReadFilesKept < furthest_;
    const bool is_far =
        base_ + kReadFilesKept + options_.behind_files_max + 2 * window_files_ < furthest_;
    if (!has_too_many_behind() && !is_old && !is_far) return;
    pop_front();
  }
}

void Lookahead::pop_front() {
  const File& file = files_.front();
  if (!file.is_read) {
    ++files_passed_;
    bytes_passed_ += file.range.length;
    unread_bytes_ -= file.range.length;
    unread_files_ -= 1;
    if (base_ < furthest_) {
      behind_bytes_ -= file.range.length;
      behind_files_ -= 1;
    }
  }
  const auto known = by_begin_.find(file.range.begin.value);
  if (known != by_begin_.end() && known->second == base_) by_begin_.erase(known);
  files_.pop_front();
  ++base_;
  furthest_ = std::max(furthest_, base_);
}

bool Lookahead::begin_refill() {
  if ((unread_bytes_ - behind_bytes_) * 2 > room_bytes() ||
      (unread_files_ - behind_files_) * 2 > room_files())
    return false;
  if (waited_) {
    window_bytes_ *= 2;
    window_files_ = std::min(window_files_ * 2, options_.window_files_max);
    grown_at_ = base_ + files_.size();
  }
  window_bytes_ = std::min(window_bytes_, limit_bytes_);
  waited_ = false;
  return true;
}

bool Lookahead::add(const Range& file, std::uint64_t tag) {
  const std::uint64_t number = base_ + files_.size();
  const auto [known, is_new] = by_begin_.try_emplace(file.begin.value, number);
  if (!is_new) {
    if (!files_[known->second - base_].is_read) return false;
    known->second = number;  // its turn comes again
  }
  files_.push_back({file, tag, false});
  unread_bytes_ += file.length;
  unread_files_ += 1;
  return true;
}

std::uint64_t Lookahead::forget() {
  const std::uint64_t bytes = unread_bytes_;
  while (!files_.empty()) pop_front();
  return bytes;
}

void Lookahead::shrink() {
  window_bytes_ = std::max(window_bytes_ / 2, std::min(options_.window_bytes_min, limit_bytes_));
  window_files_ = std::max(window_files_ / 2, options_.window_files_min);
}

void Lookahead::limit(std::uint64_t window_bytes) {
  limit_bytes_ = std::clamp<std::uint64_t>(window_bytes, 1, options_.window_bytes_max);
  window_bytes_ = std::min(window_bytes_, limit_bytes_);
}

}  // namespace shoal::prefetch
