// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "base/clock.h"
#include "cache/budget.h"
#include "fetch/counters.h"
#include "fetch/fetch_op.h"
#include "store/object_store.h"

namespace shoal::fetch {

// Fetches that wait, first come, first served; linked through the ops. confined.
class OpList {
 public:
  void push(FetchOp& op);
  void remove(FetchOp& op);
  [[nodiscard]] FetchOp* front() const { return front_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  FetchOp* front_ = nullptr;
  FetchOp* back_ = nullptr;
  std::size_t size_ = 0;
};

// One queue of fetches for each urgency, and the GETs under way, within a budget of which all but
// demand may not use the last part. Bounded by its callers: a demand or warm op has somebody who
// waits, a guess is made only while few of them are queued. confined.
class FetchQueue {
 public:
  FetchQueue(store::ObjectStore& store, cache::Budget& requests, const Clock& clock,
             Counters& counters)
      : store_(store), share_(requests), clock_(clock), counters_(counters) {}

  // `op` is idle.
  void push(FetchOp& op, FetchOp::Urgency urgency);
  // Somebody wants it sooner; no effect on one that is as urgent or in flight.
  void promote(FetchOp& op, FetchOp::Urgency urgency);
  // Takes a queued op out.
  void remove(FetchOp& op);
  // Starts what the budget and the host allow. Call after every change.
  void pump();
  // Ends the op's call; the op finishes with `canceled` in a later task.
  void give_up(FetchOp& op);
  // In flight, and the bucket has not been heard of for a while.
  [[nodiscard]] bool is_silent(const FetchOp& op) const;
  // For so long that a new call would probably be answered sooner.
  [[nodiscard]] bool is_overdue(const FetchOp& op) const;

  [[nodiscard]] std::size_t queued_guesses() const { return of(FetchOp::Urgency::guess).size(); }
  [[nodiscard]] FetchOp* first_guess() const { return of(FetchOp::Urgency::guess).front(); }
  [[nodiscard]] std::uint64_t in_flight() const { return share_.used(); }

 private:
  [[nodiscard]] OpList& of(FetchOp::Urgency urgency) {
    return queues_[static_cast<std::size_t>(urgency)];
  }
  [[nodiscard]] const OpList& of(FetchOp::Urgency urgency) const {
    return queues_[static_cast<std::size_t>(urgency)];
  }
  [[nodiscard]] bool start(FetchOp& op);
  void send(FetchOp& op);
  [[nodiscard]] static Duration patience(const FetchOp& op, TimePoint now);

  store::ObjectStore& store_;
  cache::BudgetShare share_;
  const Clock& clock_;
  Counters& counters_;
  std::array<OpList, 3> queues_;
  store::GetRequest request_;  // its strings keep their memory from GET to GET
};

}  // namespace shoal::fetch
