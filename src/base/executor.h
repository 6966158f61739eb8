// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"

namespace shoal {

using Task = std::move_only_function<void()>;

// Where completions run. One executor is one thread (sys::Loop), a pool (sys::WorkerPool), or a
// simulated scheduler with virtual time; code above cannot tell.
//
// Every asynchronous call in this project has exactly one outcome (value, error or canceled),
// delivered exactly once, on the executor the callee was built with, and never from inside the call
// that started it.
class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `task` later on this executor. synchronized: any thread may call. Never blocks.
  virtual void post(Task task) = 0;
};

// A confined executor: tasks run one after the other on one thread.
class LoopExecutor : public Executor {
 public:
  struct TimerId {
    std::uint64_t value = 0;
  };
  // Runs `task` once `delay` has passed. confined: only from tasks of this executor, or before it
  // runs.
  virtual TimerId after(Duration delay, Task task) = 0;
  // Forgets a timer; a timer that fired or was cancelled already is ignored. confined.
  virtual void cancel(TimerId timer) = 0;
  [[nodiscard]] virtual const Clock& clock() const = 0;
};

}  // namespace shoal
