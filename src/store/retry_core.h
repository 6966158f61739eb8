// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/rng.h"
#include "store/governor.h"
#include "store/retry.h"

namespace shoal::store {

class RetryCore;

// One call from its start to its `done`. Lives as long as somebody is to call it back: the core
// while it waits, the inner store otherwise. confined.
class RetryOp : public std::enable_shared_from_this<RetryOp> {
 public:
  // Where it is: waiting for the governor, for its next try, or for the inner store.
  enum class Place { none, queue, delay, inner };

  RetryOp(std::shared_ptr<RetryCore> core, std::string what)
      : core_(std::move(core)), what_(std::move(what)) {}
  virtual ~RetryOp() = default;
  virtual void send() = 0;
  virtual void end(Error error) = 0;
  // Gives the call in the inner store up, when it can be named.
  virtual void cancel_inner() {}
  [[nodiscard]] const std::string& what() const { return what_; }
  // Out of time: says so, with the last failure if there was one.
  [[nodiscard]] Error late_error() const;

  CallId id{};
  std::uint64_t bytes = 0;    // for the governor
  bool is_idempotent = true;  // whether a try of unknown effect may be repeated
  int tries = 0;
  TimePoint give_up_at{};
  bool is_cancelled = false;

  // The core's:
  Place place = Place::none;
  LoopExecutor::TimerId timer{};  // the next try, or the end of its patience in the queue
  std::list<std::shared_ptr<RetryOp>>::iterator queued_at{};

 protected:
  // Waits for another try if there is one; otherwise ends with the error.
  void on_error(Error error, bool can_go_on);

  std::shared_ptr<RetryCore> core_;

 private:
  [[nodiscard]] Error with_tries(Error error, const char* why) const;
  std::string what_;
  std::optional<Error> last_error_;
};

// What the calls of one store share: the queue for the governor, the waits between tries, and who
// is under way. Outlives the store while calls are. confined.
class RetryCore : public std::enable_shared_from_this<RetryCore> {
 public:
  RetryCore(std::unique_ptr<ObjectStore> inner, LoopExecutor& executor, Governor* governor,
            const RetryPolicy& policy, RetryAudience audience);

  [[nodiscard]] ObjectStore& inner() { return *inner_; }
  [[nodiscard]] Governor* governor() { return governor_; }
  [[nodiscard]] const RetryPolicy& policy() const { return policy_; }
  [[nodiscard]] TimePoint now() const { return executor_.clock().now(); }

  // Names the call and sends it as soon as the governor lets it.
  CallId begin(const std::shared_ptr<RetryOp>& op);
  // The same again after `delay`.
  void wait(const std::shared_ptr<RetryOp>& op, Duration delay);
  void tell(const FailedTry& failed) const;
  // Before the call's `done` runs.
  void forget(RetryOp& op) { ops_.erase(op.id.value); }
  [[nodiscard]] Duration jitter(int tries);

  void cancel(CallId call);
  void cancel_all();
  // Ends everything; the inner store goes.
  void close();

 private:
  void admit(const std::shared_ptr<RetryOp>& op);
  void pump();
  void limit_wait(const std::shared_ptr<RetryOp>& op);
  void leave(RetryOp& op);
  void end_later(const std::shared_ptr<RetryOp>& op);

  std::unique_ptr<ObjectStore> inner_;  // null once the store is gone
  LoopExecutor& executor_;
  Governor* governor_;
  RetryPolicy policy_;
  RetryAudience audience_;
  Rng rng_;
  std::uint64_t last_id_ = 0;
  // Every call that has not ended.
  std::unordered_map<std::uint64_t, std::weak_ptr<RetryOp>> ops_;
  // For the governor, first come, first served; bounded by the callers' calls.
  std::list<std::shared_ptr<RetryOp>> queue_;
  LoopExecutor::TimerId queue_timer_{};
  bool pumping_ = false;
};

}  // namespace shoal::store
