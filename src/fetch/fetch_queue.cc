// SPDX-License-Identifier: Apache-2.0
#include "fetch/fetch_queue.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace shoal::fetch {
namespace {

using namespace std::chrono_literals;

// A tenth stays free, so that a demand read starts at once however much is being prefetched.
constexpr std::uint32_t kBehindDemandPercent = 90;

// How long a call may try. A reader's own deadline is the measure; below two seconds a slow bucket
// would never finish anything. Nobody waits for a guess: in an outage it leaves its place soon.
constexpr auto kPatienceMin = 2s;
constexpr auto kPatienceOfGuess = 10s;
// What is added for the transfer, so that a large body on a slow line is not cut off while its
// readers are being served.
constexpr std::uint64_t kSlowestBytesPerSecond = 64u << 10;

// Nothing has come for so long: the call is asleep between two tries, or stalled. It is given up
// when nobody waits for it, or for a fresh one when a reader joins; then twice as long each time,
// so that a bucket that is only slow gets to answer.
constexpr auto kSilence = 1s;
constexpr std::uint8_t kDoublingsMax = 6;

}  // namespace

void OpList::push(FetchOp& op) {
  op.before = back_;
  op.behind = nullptr;
  (back_ == nullptr ? front_ : back_->behind) = &op;
  back_ = &op;
  size_ += 1;
}

void OpList::remove(FetchOp& op) {
  (op.before == nullptr ? front_ : op.before->behind) = op.behind;
  (op.behind == nullptr ? back_ : op.behind->before) = op.before;
  op.before = op.behind = nullptr;
  size_ -= 1;
}

void FetchQueue::push(FetchOp& op, FetchOp::Urgency urgency) {
  SHOAL_ASSERT(op.state == FetchOp::State::idle);
  op.urgency = urgency;
  op.state = FetchOp::State::queued;
  of(urgency).push(op);
}

void FetchQueue::promote(FetchOp& op, FetchOp::Urgency urgency) {
  if (op.state != FetchOp::State::queued || op.urgency <= urgency) return;
  of(op.urgency).remove(op);
  op.urgency = urgency;
  of(urgency).push(op);
}

void FetchQueue::remove(FetchOp& op) {
  SHOAL_ASSERT(op.state == FetchOp::State::queued);
  of(op.urgency).remove(op);
  op.state = FetchOp::State::idle;
}

void FetchQueue::pump() {
  for (OpList& queue : queues_) {
    while (FetchOp* op = queue.front())
      if (!start(*op)) return;  // what is less urgent must not overtake it
  }
}

bool FetchQueue::start(FetchOp& op) {
  // Somebody waits for a warm one too: it may use the last place when nothing else is under way, or
  // a budget of one would never do it.
  const bool all = op.urgency == FetchOp::Urgency::demand ||
                   (op.urgency == FetchOp::Urgency::warm && share_.used() == 0);
  if (!share_.take(1, all ? 100 : kBehindDemandPercent)) return false;
  if (!op.host.prepare(op)) {
    share_.give(1);
    return false;
  }
  of(op.urgency).remove(op);
  op.speculative = op.urgency == FetchOp::Urgency::guess;
  op.state = FetchOp::State::in_flight;
  op.given_up = false;
  send(op);
  return true;
}

Duration FetchQueue::patience(const FetchOp& op, TimePoint now) {
  const auto transfer =
      std::chrono::milliseconds(std::uint64_t{op.length} * 1000 / kSlowestBytesPerSecond);
  if (op.waiters.empty()) return kPatienceOfGuess + transfer;
  TimePoint longest = now + kPatienceMin;
  for (const FetchOp::Waiter& waiter : op.waiters)
    longest = std::max(longest, waiter.part->deadline);
  return longest - now + transfer;
}

void FetchQueue::send(FetchOp& op) {
  const TimePoint now = clock_.now();
  request_.key.assign(op.key);
  request_.if_match.assign(op.etag);
  request_.object_size = op.object_size;
  request_.offset = op.object_offset + op.received;
  request_.length = op.length - op.received;
  request_.deadline = patience(op, now);
  op.heard_at = now;
  op.gives_up_at = now + request_.deadline;
  counters_.gets.add(1);
  op.call = store_.get(request_, op, [this, &op](Result<void> result) {
    share_.give(1);
    op.state = FetchOp::State::idle;
    op.host.on_finished(op, std::move(result));
  });
}

void FetchQueue::give_up(FetchOp& op) {
  SHOAL_ASSERT(op.state == FetchOp::State::in_flight);
  if (op.given_up) return;
  op.given_up = true;
  counters_.gets_given_up.add(1);
  store_.cancel(op.call);
}

bool FetchQueue::is_silent(const FetchOp& op) const {
  return op.state == FetchOp::State::in_flight && clock_.now() - op.heard_at >= kSilence;
}

bool FetchQueue::is_overdue(const FetchOp& op) const {
  const auto limit = kSilence * (1 << std::min(op.restarts, kDoublingsMax));
  return op.state == FetchOp::State::in_flight && clock_.now() - op.heard_at >= limit;
}

}  // namespace shoal::fetch
