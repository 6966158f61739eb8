// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "base/executor.h"

namespace shoal::store {

// An executor whose time passes only when there is nothing else to do: delays cost nothing and the
// order of events is always the same.
class VirtualLoop final : public LoopExecutor {
 public:
  void post(Task task) override { tasks_.push_back(std::move(task)); }
  TimerId after(Duration delay, Task task) override {
    const TimerId id{++last_timer_};
    timers_.emplace(std::pair(clock_.time + delay, id.value), std::move(task));
    return id;
  }
  void cancel(TimerId timer) override {
    std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer.value; });
  }
  [[nodiscard]] const Clock& clock() const override { return clock_; }

  // False when there is nothing left to run.
  bool run_one() {
    if (!tasks_.empty()) {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
      return true;
    }
    if (timers_.empty()) return false;
    auto first = timers_.extract(timers_.begin());
    clock_.time = std::max(clock_.time, first.key().first);
    first.mapped()();
    return true;
  }
  void run_all() {
    while (run_one()) {
    }
  }
  void run_until(const std::function<bool()>& done) {
    while (!done() && run_one()) {
    }
  }

  struct VirtualClock final : Clock {
    TimePoint time{std::chrono::hours(1)};
    WallTime wall{std::chrono::seconds(1'700'000'000)};
    [[nodiscard]] TimePoint now() const override { return time; }
    [[nodiscard]] WallTime wall_now() const override {
      return wall + std::chrono::duration_cast<WallTime::duration>(time.time_since_epoch());
    }
  };
  VirtualClock clock_;

 private:
  std::deque<Task> tasks_;
  std::map<std::pair<TimePoint, std::uint64_t>, Task> timers_;
  std::uint64_t last_timer_ = 0;
};

}  // namespace shoal::store
