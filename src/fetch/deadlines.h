// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <utility>

#include "base/executor.h"
#include "fetch/read_part.h"

namespace shoal::fetch {

// The reads that wait, by deadline, on one timer of the executor. A read that is answered at once
// never comes here. confined.
class Deadlines {
 public:
  using Expire = std::move_only_function<void(ReadPart&)>;
  // `expire` is called with a part that was taken out because its time is over.
  Deadlines(LoopExecutor& executor, Expire expire)
      : executor_(executor), expire_(std::move(expire)) {}
  ~Deadlines();
  void add(ReadPart& part);
  void remove(ReadPart& part);
  [[nodiscard]] bool empty() const { return parts_.empty(); }
  // Expires all of them, due or not.
  void expire_all();
  // Forgets the timer, on the executor's thread; the destructor may run on another one. No part
  // waits.
  void stop();

 private:
  void arm();
  void on_timer();

  LoopExecutor& executor_;
  Expire expire_;
  std::set<std::pair<TimePoint, ReadPart*>> parts_;
  std::optional<LoopExecutor::TimerId> timer_;
  TimePoint armed_for_{};
};

}  // namespace shoal::fetch
