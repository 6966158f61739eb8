// SPDX-License-Identifier: Apache-2.0
#include "store/retry_core.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace shoal::store {
namespace {

Error given_up(const RetryOp& op) {
  return Error(ErrorCode::canceled, op.what() + ": given up by the caller");
}

}  // namespace

// ---- one call

Error RetryOp::with_tries(Error error, const char* why) const {
  Error last(error.code(),
             error.message() + " (after " + std::to_string(tries) +
                 (tries == 1 ? " try" : " tries") + why + ")",
             error.remedy());
  return std::move(last).with_retry(error.retry(), error.retry_after());
}

Error RetryOp::late_error() const {
  if (last_error_) return with_tries(*last_error_, "; the request budget left no time for another");
  return Error(ErrorCode::timeout, what_ + ": waited too long for the request budget",
               "Raise --max-qps or --max-bandwidth, or the timeout.");
}

void RetryOp::on_error(Error error, bool can_go_on) {
  place = Place::none;
  const TimePoint now = core_->now();
  if (error.code() == ErrorCode::throttled && core_->governor() != nullptr)
    core_->governor()->on_throttled(now, error.retry_after());
  const bool may_repeat = can_go_on && (error.retry() == Retry::yes ||
                                        (error.retry() == Retry::unknown_effect && is_idempotent));
  // The failure may have been on its way when the call was given up.
  if (is_cancelled) return end(given_up(*this));
  FailedTry failed{.what = what_, .error = error, .tries = tries};
  if (may_repeat && tries < core_->policy().attempts_max) {
    const Duration delay = error.retry_after() + core_->jitter(tries);
    if (now + delay < give_up_at) {
      failed.next_try = delay;
      core_->tell(failed);
      last_error_ = std::move(error);
      return core_->wait(shared_from_this(), delay);
    }
    core_->tell(failed);
    return end(with_tries(std::move(error), "; the deadline leaves no time for another"));
  }
  core_->tell(failed);
  if (tries > 1) return end(with_tries(std::move(error), ""));
  end(std::move(error));
}

// ---- all calls

RetryCore::RetryCore(std::unique_ptr<ObjectStore> inner, LoopExecutor& executor, Governor* governor,
                     const RetryPolicy& policy, RetryAudience audience)
    : inner_(std::move(inner)),
      executor_(executor),
      governor_(governor),
      policy_(policy),
      audience_(std::move(audience)),
      rng_(policy.jitter_seed) {}

CallId RetryCore::begin(const std::shared_ptr<RetryOp>& op) {
  op->id = {++last_id_};
  ops_.emplace(op->id.value, op);
  admit(op);
  return op->id;
}

void RetryCore::admit(const std::shared_ptr<RetryOp>& op) {
  op->place = RetryOp::Place::queue;
  op->queued_at = queue_.insert(queue_.end(), op);
  if (queue_.size() == 1) pump();
  if (op->place == RetryOp::Place::queue) limit_wait(op);
}

// A call that waits for the budget does not wait past its deadline.
void RetryCore::limit_wait(const std::shared_ptr<RetryOp>& op) {
  op->timer = executor_.after(std::max(op->give_up_at - now(), Duration::zero()),
                              [self = shared_from_this(), op] {
                                op->timer = {};
                                self->leave(*op);
                                op->end(op->late_error());
                              });
}

void RetryCore::pump() {
  if (pumping_) return;  // a call sent from here may start another one
  pumping_ = true;
  const auto self = shared_from_this();
  while (!queue_.empty()) {
    const auto op = queue_.front();
    const Duration wait =
        governor_ == nullptr ? Duration::zero() : governor_->admit(now(), op->bytes);
    if (wait > Duration::zero()) {
      executor_.cancel(queue_timer_);
      queue_timer_ = executor_.after(wait, [self] { self->pump(); });
      break;
    }
    leave(*op);
    op->place = RetryOp::Place::inner;
    op->send();
  }
  pumping_ = false;
}

// Takes a waiting call out of what it waits in.
void RetryCore::leave(RetryOp& op) {
  executor_.cancel(std::exchange(op.timer, {}));
  if (op.place == RetryOp::Place::queue) queue_.erase(op.queued_at);
  op.place = RetryOp::Place::none;
  if (queue_.empty()) executor_.cancel(std::exchange(queue_timer_, {}));
}

Duration RetryCore::jitter(int tries) {
  const int doublings = std::min(tries - 1, 20);
  const Duration bound =
      std::min<Duration>(policy_.delay_max, policy_.delay_min * (1 << doublings));
  return std::chrono::duration_cast<Duration>(bound * rng_.unit());
}

void RetryCore::tell(const FailedTry& failed) const {
  if (audience_.counters != nullptr && failed.next_try)
    audience_.counters->on_retry(failed.error.code());
  if (audience_.on_failed_try) audience_.on_failed_try(failed);
}

void RetryCore::wait(const std::shared_ptr<RetryOp>& op, Duration delay) {
  op->place = RetryOp::Place::delay;
  op->timer = executor_.after(delay, [self = shared_from_this(), op] {
    op->timer = {};
    self->admit(op);
  });
}

void RetryCore::end_later(const std::shared_ptr<RetryOp>& op) {
  leave(*op);
  executor_.post([op] { op->end(given_up(*op)); });
}

void RetryCore::cancel(CallId call) {
  const auto found = ops_.find(call.value);
  if (found == ops_.end()) return;
  const auto op = found->second.lock();
  if (!op || std::exchange(op->is_cancelled, true)) return;
  if (op->place == RetryOp::Place::inner)
    op->cancel_inner();
  else
    end_later(op);
}

void RetryCore::cancel_all() {
  std::vector<std::shared_ptr<RetryOp>> ops;
  for (const auto& [id, weak] : ops_)
    if (auto op = weak.lock()) ops.push_back(std::move(op));
  for (const auto& op : ops) {
    if (std::exchange(op->is_cancelled, true)) continue;
    if (op->place != RetryOp::Place::inner) end_later(op);
  }
  inner_->cancel_all();
}

void RetryCore::close() {
  cancel_all();
  inner_.reset();
}

}  // namespace shoal::store
