// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "layout.h"
#include "prefetch/policy.h"

namespace shoal::prefetch {

// Everything behind a policy on one page: readers read files, the policy is told, what it proposes
// is fetched, object by object (chunk by chunk, when an object is larger), and arrives `latency`
// milliseconds later. Counts requests, and what nobody read in the end.
class BucketModel : public Proposals {
 public:
  explicit BucketModel(Layout& layout, double latency_ms = 20)
      : layout_(layout), latency_ms_(latency_ms) {}
  void use(Policy& policy) { policy_ = &policy; }

  void propose(const Range& range) override {
    proposals.push_back(range);
    for_parts(range, [this](std::uint64_t begin, std::uint64_t end) {
      if (!parts_.try_emplace(begin, Part{end, now_ms + latency_ms_, false, true}).second) return;
      ++requests;
      unread_bytes_ += end - begin;
      max_outstanding_bytes = std::max(max_outstanding_bytes, unread_bytes_);
    });
  }

  void read(const std::string& path) { read(layout_.file(path)); }
  // One file, in the pieces a kernel asks for.
  void read(const CatalogFile& file) {
    constexpr std::uint64_t kPiece = 128u << 10;
    const std::uint64_t end =
        round_up(file.begin.value + file.length, layout_.geometry().block_bytes);
    for (std::uint64_t at = file.begin.value; at < end; at += kPiece)
      read_range({DataAddress{at}, std::min(kPiece, end - at)});
    now_ms += 0.1;  // the reader works
  }
  void read_range(const Range& range) {
    bool hit = true;
    double ready_ms = now_ms;
    std::vector<Range> used;
    for_parts(range, [&](std::uint64_t begin, std::uint64_t end) {
      const auto [entry, is_new] =
          parts_.try_emplace(begin, Part{end, now_ms + latency_ms_, true, false});
      Part& part = entry->second;
      if (is_new) {
        ++requests;
        ++demand_requests;
      }
      if (part.is_prefetched && !part.is_read)
        used.push_back({DataAddress{begin}, part.end - begin});
      if (part.is_prefetched && !part.is_read) unread_bytes_ -= part.end - begin;
      part.is_read = true;
      hit = hit && part.there_at_ms <= now_ms;
      ready_ms = std::max(ready_ms, part.there_at_ms);
    });
    for (const Range& one : used) policy_->on_used(one);
    waits += hit ? 0 : 1;
    claimed += policy_->on_read({range, hit}) ? 1 : 0;
    now_ms = ready_ms;
    layout_.run();
    layout_.run();
  }

  // Fetched and not read.
  [[nodiscard]] std::uint64_t unread_bytes() const { return unread_bytes_; }
  [[nodiscard]] std::uint64_t unread_parts() const {
    return static_cast<std::uint64_t>(std::count_if(
        parts_.begin(), parts_.end(), [](const auto& part) { return !part.second.is_read; }));
  }
  [[nodiscard]] bool is_fetched(const CatalogFile& file) const {
    return parts_.contains(file.begin.value);
  }
  [[nodiscard]] std::uint64_t in_flight() const {
    return static_cast<std::uint64_t>(
        std::count_if(parts_.begin(), parts_.end(),
                      [this](const auto& part) { return part.second.there_at_ms > now_ms; }));
  }
  // Drops everything that nobody read, and tells the policy.
  void drop_unread() {
    std::vector<Range> dropped;
    std::erase_if(parts_, [&](const auto& part) {
      if (part.second.is_read) return false;
      dropped.push_back({DataAddress{part.first}, part.second.end - part.first});
      return true;
    });
    unread_bytes_ = 0;
    for (const Range& range : dropped) policy_->on_wasted(range);
  }
  void forget_cache() {
    parts_.clear();
    unread_bytes_ = 0;
  }

  std::vector<Range> proposals;
  std::uint64_t requests = 0;
  std::uint64_t demand_requests = 0;
  std::uint64_t waits = 0;
  std::uint64_t claimed = 0;
  std::uint64_t max_outstanding_bytes = 0;
  double now_ms = 0;

 private:
  struct Part {
    std::uint64_t end = 0;
    double there_at_ms = 0;
    bool is_read = false;
    bool is_prefetched = false;
  };
  // Objects, cut at chunks, that lie in the range in whole or in part.
  void for_parts(const Range& range,
                 const std::function<void(std::uint64_t, std::uint64_t)>& visit) const {
    const std::uint64_t chunk = layout_.geometry().chunk_bytes;
    const auto& files = layout_.files();
    std::size_t i = layout_.index_at(range.begin.value);
    if (i == files.size())
      i = static_cast<std::size_t>(
          std::lower_bound(files.begin(), files.end(), range.begin.value,
                           [](const CatalogFile& file, std::uint64_t address) {
                             return file.begin.value < address;
                           }) -
          files.begin());
    for (; i < files.size() && files[i].begin.value < range.end(); ++i) {
      if (files[i].length == 0) continue;
      const std::uint64_t file_end =
          round_up(files[i].begin.value + files[i].length, layout_.geometry().block_bytes);
      for (std::uint64_t at = files[i].begin.value; at < file_end;) {
        const std::uint64_t end = std::min(file_end, round_up(at + 1, chunk));
        if (at < range.end() && end > range.begin.value) visit(at, end);
        at = end;
      }
    }
  }

  Layout& layout_;
  double latency_ms_;
  Policy* policy_ = nullptr;
  std::uint64_t unread_bytes_ = 0;
  std::map<std::uint64_t, Part> parts_;  // by begin
};

}  // namespace shoal::prefetch
