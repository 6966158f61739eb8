// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>

#include "cache/budget.h"
#include "fetch/counters.h"
#include "fetch/fetch_op.h"
#include "store/object_store.h"

namespace shoal::fetch {

// Two queues of fetches, demand before prefetch, and the GETs under way, within a budget of which
// prefetch may not use the last part. Bounded by its callers: a demand op has a reader that waits,
// a prefetch op is made only while few of them are queued. confined.
class FetchQueue {
 public:
  FetchQueue(store::ObjectStore& store, cache::Budget& requests, Counters& counters)
      : store_(store), share_(requests), counters_(counters) {}

  void push_demand(FetchOp& op);
  void push_prefetch(FetchOp& op);
  // A reader wants what was only guessed.
  void promote(FetchOp& op);
  // Takes a queued op out.
  void remove(FetchOp& op);
  // Starts what the budget and the host allow. Call after every change.
  void pump();

  [[nodiscard]] std::size_t queued_prefetches() const { return prefetch_.size(); }
  [[nodiscard]] std::uint64_t in_flight() const { return share_.used(); }
  [[nodiscard]] FetchOp* first_prefetch() {
    return prefetch_.empty() ? nullptr : prefetch_.front();
  }

 private:
  [[nodiscard]] bool start(FetchOp& op, std::list<FetchOp*>& from, std::uint32_t percent);

  store::ObjectStore& store_;
  cache::BudgetShare share_;
  Counters& counters_;
  std::list<FetchOp*> demand_;
  std::list<FetchOp*> prefetch_;
};

}  // namespace shoal::fetch
