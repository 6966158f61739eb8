// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/executor.h"
#include "base/rng.h"

namespace shoal::sim {

// One thread, virtual time, one seed: every task of every executor stands in one queue by time, and
// time jumps from task to task. Same seed, same run. confined.
class Scheduler final : public Clock {
 public:
  explicit Scheduler(std::uint64_t seed) : rng_(seed) {}
  [[nodiscard]] TimePoint now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override {
    return WallTime{} + std::chrono::duration_cast<WallTime::duration>(now_.time_since_epoch());
  }
  using EventId = std::pair<TimePoint, std::uint64_t>;
  EventId at(TimePoint time, Task task);
  void forget(EventId event) { events_.erase(event); }
  // Drops every task unrun: a process that dies. What they own may post more while it goes.
  void clear() {
    while (!events_.empty()) const auto dropped = std::exchange(events_, {});
  }
  // Runs the next task; false when there is none.
  bool step();
  // Runs tasks until `done` or until none is left or virtual time passed `limit`; returns done().
  bool run_until(const std::function<bool()>& done, Duration limit = std::chrono::minutes(10));
  [[nodiscard]] Rng& rng() { return rng_; }
  [[nodiscard]] bool is_idle() const { return events_.empty(); }

 private:
  TimePoint now_{std::chrono::hours(1)};
  std::uint64_t sequence_ = 0;
  std::map<EventId, Task> events_;
  Rng rng_;
};

// A simulated thread: posted tasks run in their order, each a random moment later.
class SimExecutor final : public LoopExecutor {
 public:
  SimExecutor(Scheduler& scheduler, Duration jitter) : scheduler_(scheduler), jitter_(jitter) {}
  void post(Task task) override;
  TimerId after(Duration delay, Task task) override;
  void cancel(TimerId timer) override;
  [[nodiscard]] const Clock& clock() const override { return scheduler_; }

 private:
  Scheduler& scheduler_;
  Duration jitter_;
  TimePoint last_post_{};
  std::uint64_t timers_made_ = 0;
  std::map<std::uint64_t, Scheduler::EventId> timers_;
};

}  // namespace shoal::sim
