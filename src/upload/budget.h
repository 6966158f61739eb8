// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>

#include "base/executor.h"

namespace shoal::upload {

// What bodies on their way may take of memory, and how many there may be: first come, first served,
// so that the parts of one large file and thousands of small files share both. A body larger than
// all memory gets it once it is alone. confined to the executor.
class Budget {
 public:
  Budget(LoopExecutor& executor, std::uint64_t bytes_max, std::uint32_t bodies_max)
      : executor_(executor), bytes_max_(bytes_max), bodies_max_(bodies_max) {}

  // Runs `granted` later, once there is room; the room is the caller's until release().
  void acquire(std::uint64_t bytes, Task granted);
  void release(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t bytes_used() const { return bytes_; }  // from any thread
  // Forgets whoever waits.
  void close() { waiters_.clear(); }

 private:
  struct Waiter {
    std::uint64_t bytes;
    Task granted;
  };
  void pump_later();
  void pump();

  LoopExecutor& executor_;
  const std::uint64_t bytes_max_;
  const std::uint32_t bodies_max_;
  std::atomic<std::uint64_t> bytes_{0};
  std::uint32_t bodies_ = 0;
  std::deque<Waiter> waiters_;
  bool is_posted_ = false;
};

}  // namespace shoal::upload
