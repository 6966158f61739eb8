// SPDX-License-Identifier: Apache-2.0
#include "fetch/fetch_queue.h"

#include "base/assert.h"
#include "base/limits.h"

namespace shoal::fetch {
namespace {

// A tenth stays free, so that a demand read starts at once however much is being prefetched.
constexpr std::uint32_t kPrefetchPercent = 90;

}  // namespace

void FetchQueue::push_demand(FetchOp& op) {
  op.state = FetchOp::State::queued_demand;
  op.is_queued = true;
  op.queued_at = demand_.insert(demand_.end(), &op);
}

void FetchQueue::push_prefetch(FetchOp& op) {
  op.state = FetchOp::State::queued_prefetch;
  op.is_queued = true;
  op.queued_at = prefetch_.insert(prefetch_.end(), &op);
}

void FetchQueue::promote(FetchOp& op) {
  if (op.state != FetchOp::State::queued_prefetch) return;
  demand_.splice(demand_.end(), prefetch_, op.queued_at);
  op.state = FetchOp::State::queued_demand;
}

void FetchQueue::remove(FetchOp& op) {
  SHOAL_ASSERT(op.state != FetchOp::State::in_flight);
  (op.state == FetchOp::State::queued_demand ? demand_ : prefetch_).erase(op.queued_at);
}

void FetchQueue::pump() {
  while (!demand_.empty()) {
    if (!start(*demand_.front(), demand_, 100)) return;  // prefetch must not overtake it
  }
  while (!prefetch_.empty()) {
    if (!start(*prefetch_.front(), prefetch_, kPrefetchPercent)) return;
  }
}

bool FetchQueue::start(FetchOp& op, std::list<FetchOp*>& from, std::uint32_t percent) {
  if (!share_.take(1, percent)) return false;
  if (!op.host.prepare(op)) {
    share_.give(1);
    return false;
  }
  op.speculative = op.state == FetchOp::State::queued_prefetch;
  from.erase(op.queued_at);
  op.state = FetchOp::State::in_flight;
  counters_.gets.add(1);
  store::GetRequest request;
  request.key = op.key;
  request.offset = op.object_offset;
  request.length = op.length;
  request.if_match = op.etag;
  request.object_size = op.object_size;
  request.deadline = limits::kIoTimeoutDefault;  // no reader waits longer
  store_.get(request, op, [this, &op](Result<void> result) {
    share_.give(1);
    op.host.on_finished(op, std::move(result));
  });
  return true;
}

}  // namespace shoal::fetch
