// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "format/records.h"
#include "index/key_ranges.h"
#include "store/object_store.h"

namespace shoal::index {

// What the lister hands to the thread that stores it. In order: once everything up to some page is
// durable, so may be the range records up to there.
struct ListedPage {
  std::vector<store::ObjectInfo> objects;
  // State of every range that this page changed.
  std::vector<std::pair<std::uint64_t, format::ListingRange>> ranges;
  std::uint64_t requests = 0;  // by this lister so far
  std::uint32_t active_ranges = 0;
  double fraction = 0;  // estimate of how much of the key space is listed
  // The last one: nothing follows; holds the failure if there was one.
  std::optional<Result<void>> finished;
};

// Pages on their way from the network thread to the storing thread. The producer looks at size()
// before it asks for more and so bounds the queue; push() never blocks.
//
// Thread model: synchronized.
class PageQueue {
 public:
  void push(ListedPage page) {
    // Notified under the lock: whoever takes the last page may destroy the queue at once.
    const std::lock_guard lock(mutex_);
    pages_.push_back(std::move(page));
    arrived_.notify_one();
  }
  // Nothing when none came within `wait`.
  [[nodiscard]] std::optional<ListedPage> pop(Duration wait) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, wait, [&] { return !pages_.empty(); })) return std::nullopt;
    std::optional<ListedPage> page = std::move(pages_.front());
    pages_.pop_front();
    return page;
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return pages_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<ListedPage> pages_;  // guarded by mutex_
};

}  // namespace shoal::index
