// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "sys/slot_table.h"

namespace shoal::sys {

// Timers ordered by time, then by age. Every request of a reader has a deadline and nearly all are
// cancelled long before it, so cancel() removes the entry at once (an indexed heap) instead of
// leaving it to its day. confined.
class TimerHeap {
 public:
  [[nodiscard]] std::uint64_t add(TimePoint when, Task task);
  void cancel(std::uint64_t id);  // unknown ids are ignored
  [[nodiscard]] std::optional<TimePoint> next() const;
  // The task of the first timer not later than `now`, or an empty one.
  [[nodiscard]] Task pop_due(TimePoint now);

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t sequence = 0;
    std::uint64_t id = 0;
  };
  struct Timer {
    Task task;
    std::size_t position = 0;  // in heap_
  };
  static bool earlier(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when < b.when : a.sequence < b.sequence;
  }
  void place(std::size_t position, const Entry& entry);
  void sift_up(std::size_t position);
  void sift_down(std::size_t position);
  [[nodiscard]] Task remove_at(std::size_t position);

  SlotTable<Timer> timers_;
  std::vector<Entry> heap_;  // invariant: timers_.find(heap_[i].id)->position == i
  std::uint64_t sequence_ = 0;
};

}  // namespace shoal::sys
