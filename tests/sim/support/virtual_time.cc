// SPDX-License-Identifier: Apache-2.0
#include "sim/support/virtual_time.h"

#include <algorithm>

namespace shoal::sim {

Scheduler::EventId Scheduler::at(TimePoint time, Task task) {
  const EventId id{std::max(time, now_), ++sequence_};
  events_.emplace(id, std::move(task));
  return id;
}

bool Scheduler::step() {
  if (events_.empty()) return false;
  auto first = events_.extract(events_.begin());
  now_ = first.key().first;
  first.mapped()();
  return true;
}

bool Scheduler::run_until(const std::function<bool()>& done, Duration limit) {
  const TimePoint end = now_ + limit;
  while (!done()) {
    if (events_.empty() || events_.begin()->first.first > end) return done();
    step();
  }
  return true;
}

void SimExecutor::post(Task task) {
  TimePoint time = scheduler_.now();
  if (jitter_ > Duration::zero())
    time += Duration(static_cast<Duration::rep>(
        scheduler_.rng().below(static_cast<std::uint64_t>(jitter_.count()))));
  last_post_ = std::max(last_post_, time);
  scheduler_.at(last_post_, std::move(task));
}

LoopExecutor::TimerId SimExecutor::after(Duration delay, Task task) {
  const std::uint64_t number = ++timers_made_;
  timers_[number] =
      scheduler_.at(scheduler_.now() + delay, [this, number, task = std::move(task)]() mutable {
        timers_.erase(number);
        task();
      });
  return {number};
}

void SimExecutor::cancel(TimerId timer) {
  const auto found = timers_.find(timer.value);
  if (found == timers_.end()) return;
  scheduler_.forget(found->second);
  timers_.erase(found);
}

}  // namespace shoal::sim
