// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <vector>

#include "fetch/fetch_op.h"

namespace shoal::fetch {

// The ops of one owner. One that comes back keeps the memory of its strings and lists, so that an
// object costs no allocation once the pool is warm. As many as were ever needed at once. confined.
class OpPool {
 public:
  explicit OpPool(FetchHost& host) : host_(host) {}

  [[nodiscard]] FetchOp& take() {
    if (spare_.empty()) return all_.emplace_back(host_);
    FetchOp& op = *spare_.back();
    spare_.pop_back();
    return op;
  }
  void give(FetchOp& op) {
    op.chunk = nullptr;
    op.received = 0;
    op.urgency = FetchOp::Urgency::guess;
    op.speculative = op.checked = op.given_up = false;
    op.restarts = 0;
    op.misfit.reset();
    op.waiters.clear();
    spare_.push_back(&op);
  }

 private:
  FetchHost& host_;
  std::deque<FetchOp> all_;  // never moves what is in it
  std::vector<FetchOp*> spare_;
};

}  // namespace shoal::fetch
