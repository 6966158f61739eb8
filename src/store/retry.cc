// SPDX-License-Identifier: Apache-2.0
#include "store/retry.h"

#include <algorithm>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/rng.h"
#include "store/governor.h"

namespace shoal::store {
namespace {

class RetryCore;

// One call from its start to its `done`. Lives as long as somebody is to call it back: the inner
// store, a timer, or the queue for the governor.
class RetryOp : public std::enable_shared_from_this<RetryOp> {
 public:
  RetryOp(std::shared_ptr<RetryCore> core, std::string what);
  virtual ~RetryOp() = default;
  virtual void send() = 0;
  virtual void end(Error error) = 0;

  std::uint64_t bytes = 0;    // for the governor
  bool is_idempotent = true;  // whether a try of unknown effect may be repeated
  int tries = 0;
  TimePoint give_up_at{};
  LoopExecutor::TimerId timer{};
  std::shared_ptr<const bool> is_cancelled;

 protected:
  // Waits for another try if there is one; otherwise ends with the error.
  void on_error(Error error, bool can_go_on);
  const std::string& what() const { return what_; }

  std::shared_ptr<RetryCore> core_;

 private:
  std::string what_;
};

// What the calls of one store share. Outlives the store while calls are under way.
class RetryCore : public std::enable_shared_from_this<RetryCore> {
 public:
  RetryCore(std::unique_ptr<ObjectStore> inner, LoopExecutor& executor, Governor* governor,
            const RetryPolicy& policy)
      : inner_(std::move(inner)),
        executor_(executor),
        governor_(governor),
        policy_(policy),
        rng_(policy.jitter_seed),
        is_cancelled_(std::make_shared<bool>(false)) {}

  ObjectStore& inner() { return *inner_; }
  LoopExecutor& executor() { return executor_; }
  Governor* governor() { return governor_; }
  const RetryPolicy& policy() const { return policy_; }
  TimePoint now() const { return executor_.clock().now(); }
  // Becomes true when the calls made up to now are given up.
  std::shared_ptr<const bool> cancel_flag() const { return is_cancelled_; }

  // Sends the call as soon as the governor lets it.
  void admit(const std::shared_ptr<RetryOp>& op) {
    queue_.push_back(op);
    if (queue_.size() == 1) pump();
  }

  void pump() {
    while (!queue_.empty()) {
      const auto op = queue_.front();
      const Duration wait =
          governor_ == nullptr ? Duration::zero() : governor_->admit(now(), op->bytes);
      if (wait > Duration::zero()) {
        queue_timer_ = executor_.after(wait, [self = shared_from_this()] { self->pump(); });
        return;
      }
      queue_.pop_front();
      op->send();
    }
  }

  Duration jitter(int tries) {
    const int doublings = std::min(tries - 1, 20);
    const Duration bound =
        std::min<Duration>(policy_.delay_max, policy_.delay_min * (1 << doublings));
    return std::chrono::duration_cast<Duration>(bound * rng_.unit());
  }

  void wait(const std::shared_ptr<RetryOp>& op, Duration delay) {
    waiting_.insert(op);
    op->timer = executor_.after(delay, [self = shared_from_this(), op] {
      self->waiting_.erase(op);
      self->admit(op);
    });
  }

  // Ends the calls that wait here; those in the inner store are ended by it.
  void cancel_waiting() {
    *is_cancelled_ = true;
    is_cancelled_ = std::make_shared<bool>(false);
    if (!queue_.empty()) executor_.cancel(queue_timer_);
    auto ended = std::exchange(queue_, {});
    for (const auto& op : waiting_) {
      executor_.cancel(op->timer);
      ended.push_back(op);
    }
    waiting_.clear();
    for (auto& op : ended)
      executor_.post([op] { op->end(Error(ErrorCode::canceled, "given up by the caller")); });
  }

  void close() {
    cancel_waiting();
    inner_.reset();
  }

 private:
  std::unique_ptr<ObjectStore> inner_;  // null once the store is gone
  LoopExecutor& executor_;
  Governor* governor_;
  RetryPolicy policy_;
  Rng rng_;
  std::deque<std::shared_ptr<RetryOp>> queue_;  // for the governor; bounded by the callers' calls
  LoopExecutor::TimerId queue_timer_{};
  std::unordered_set<std::shared_ptr<RetryOp>> waiting_;  // for their next try
  std::shared_ptr<bool> is_cancelled_;
};

RetryOp::RetryOp(std::shared_ptr<RetryCore> core, std::string what)
    : is_cancelled(core->cancel_flag()), core_(std::move(core)), what_(std::move(what)) {}

void RetryOp::on_error(Error error, bool can_go_on) {
  const TimePoint now = core_->now();
  if (error.code() == ErrorCode::throttled && core_->governor() != nullptr)
    core_->governor()->on_throttled(now, error.retry_after());
  const bool may_repeat =
      error.retry() == Retry::yes || (error.retry() == Retry::unknown_effect && is_idempotent);
  const Duration delay = error.retry_after() + core_->jitter(tries);
  // The failure may have been on its way when the call was given up.
  if (may_repeat && can_go_on && *is_cancelled)
    return end(Error(ErrorCode::canceled, what_ + ": given up by the caller"));
  if (may_repeat && can_go_on && tries < core_->policy().attempts_max && now + delay < give_up_at) {
    core_->wait(shared_from_this(), delay);
    return;
  }
  if (tries > 1) {
    Error last(error.code(), error.message() + " (after " + std::to_string(tries) + " tries)",
               error.remedy());
    return end(std::move(last).with_retry(error.retry(), error.retry_after()));
  }
  end(std::move(error));
}

template <typename T>
class TypedOp final : public RetryOp {
 public:
  using Send = std::move_only_function<void(ObjectStore&, Done<T>)>;

  TypedOp(std::shared_ptr<RetryCore> core, std::string what, Send send, Done<T> done)
      : RetryOp(std::move(core), std::move(what)), send_(std::move(send)), done_(std::move(done)) {}

  // False when the tries so far make another one wrong.
  std::function<bool()> can_go_on = [] { return true; };

  void send() override {
    // Waiting for the governor or for a try may have taken longer than the caller wants.
    if (core_->now() >= give_up_at) {
      return end(Error(ErrorCode::timeout, what() + ": waited too long for the request budget",
                       "Raise --max-qps or --max-bandwidth, or the timeout."));
    }
    ++tries;
    send_(core_->inner(), [self = std::static_pointer_cast<TypedOp>(shared_from_this())](
                              Result<T> result) { self->on_result(std::move(result)); });
  }

  // `done` may hold this operation's last owner, so it leaves the object before it runs.
  void end(Error error) override {
    auto done = std::move(done_);
    done(fail(std::move(error)));
  }

 private:
  void on_result(Result<T> result) {
    if (!result) return on_error(std::move(result).error(), can_go_on());
    if (core_->governor() != nullptr) core_->governor()->on_success(core_->now());
    auto done = std::move(done_);
    done(std::move(result));
  }

  Send send_;
  Done<T> done_;
};

// Passes a GET's bytes on and counts them, so that the next try can begin behind them.
class CountingSink final : public BodySink {
 public:
  explicit CountingSink(BodySink& target) : target_(target) {}
  Result<void> on_bytes(ByteSpan bytes) override {
    delivered += bytes.size();
    return target_.on_bytes(bytes);
  }
  std::uint64_t delivered = 0;

 private:
  BodySink& target_;
};

class RetryStore final : public ObjectStore {
 public:
  RetryStore(std::unique_ptr<ObjectStore> inner, LoopExecutor& executor, Governor* governor,
             const RetryPolicy& policy)
      : core_(std::make_shared<RetryCore>(std::move(inner), executor, governor, policy)),
        name_(core_->inner().name()) {}
  ~RetryStore() override { core_->close(); }

  const std::string& name() const override { return name_; }

  void head(const std::string& key, Done<ObjectInfo> done) override {
    start<ObjectInfo>(
        "head", key, std::move(done),
        [key](ObjectStore& inner, Done<ObjectInfo> next) { inner.head(key, std::move(next)); });
  }

  void get(const GetRequest& request, BodySink& sink, Done<void> done) override {
    auto counting = std::make_shared<CountingSink>(sink);
    const TimePoint give_up_at =
        core_->now() +
        (request.deadline > Duration::zero() ? request.deadline : core_->policy().deadline);
    auto op = make<void>(
        "get", request.key, std::move(done),
        [request, counting, give_up_at, core = core_](ObjectStore& inner, Done<void> next) {
          GetRequest rest = request;
          rest.offset += counting->delivered;
          rest.length -= counting->delivered;
          rest.deadline = give_up_at - core->now();
          inner.get(rest, *counting, std::move(next));
        });
    op->bytes = request.length;
    op->give_up_at = give_up_at;
    op->can_go_on = [counting, has_version = !request.if_match.empty()] {
      return counting->delivered == 0 || has_version;
    };
    core_->admit(op);
  }

  void list(const ListRequest& request, Done<ListPage> done) override {
    start<ListPage>("list", request.prefix, std::move(done),
                    [request](ObjectStore& inner, Done<ListPage> next) {
                      inner.list(request, std::move(next));
                    });
  }

  void put(const PutRequest& request, Done<PutResult> done) override {
    auto op = make<PutResult>("put", request.key, std::move(done),
                              [request](ObjectStore& inner, Done<PutResult> next) {
                                inner.put(request, std::move(next));
                              });
    op->bytes = request.body.size();
    op->is_idempotent = !request.if_absent;
    core_->admit(op);
  }

  void create_upload(const std::string& key, Done<UploadId> done) override {
    auto op = make<UploadId>("create upload of", key, std::move(done),
                             [key](ObjectStore& inner, Done<UploadId> next) {
                               inner.create_upload(key, std::move(next));
                             });
    op->is_idempotent = false;
    core_->admit(op);
  }

  void upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                   Done<UploadedPart> done) override {
    auto op =
        make<UploadedPart>("upload part of", upload.key, std::move(done),
                           [upload, number, body](ObjectStore& inner, Done<UploadedPart> next) {
                             inner.upload_part(upload, number, body, std::move(next));
                           });
    op->bytes = body.size();
    core_->admit(op);
  }

  void complete_upload(const UploadId& upload, const std::vector<UploadedPart>& parts,
                       Done<PutResult> done) override {
    auto op = make<PutResult>("complete upload of", upload.key, std::move(done),
                              [upload, parts](ObjectStore& inner, Done<PutResult> next) {
                                inner.complete_upload(upload, parts, std::move(next));
                              });
    op->is_idempotent = false;
    core_->admit(op);
  }

  void abort_upload(const UploadId& upload, Done<void> done) override {
    start<void>("abort upload of", upload.key, std::move(done),
                [upload](ObjectStore& inner, Done<void> next) {
                  inner.abort_upload(upload, std::move(next));
                });
  }

  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              Done<AppendResult> done) override {
    auto op =
        make<AppendResult>("append to", key, std::move(done),
                           [key, position, body](ObjectStore& inner, Done<AppendResult> next) {
                             inner.append(key, position, body, std::move(next));
                           });
    op->bytes = body.size();
    op->is_idempotent = false;
    core_->admit(op);
  }

  void remove(const std::string& key, Done<void> done) override {
    start<void>("remove", key, std::move(done),
                [key](ObjectStore& inner, Done<void> next) { inner.remove(key, std::move(next)); });
  }

  void copy(const std::string& source, const std::string& target, Done<PutResult> done) override {
    start<PutResult>("copy", source, std::move(done),
                     [source, target](ObjectStore& inner, Done<PutResult> next) {
                       inner.copy(source, target, std::move(next));
                     });
  }

  void cancel_all() override {
    core_->cancel_waiting();
    core_->inner().cancel_all();
  }

 private:
  template <typename T>
  std::shared_ptr<TypedOp<T>> make(const char* doing, const std::string& key, Done<T> done,
                                   typename TypedOp<T>::Send send) {
    auto op = std::make_shared<TypedOp<T>>(core_, std::string(doing) + " " + name_ + "/" + key,
                                           std::move(send), std::move(done));
    op->give_up_at = core_->now() + core_->policy().deadline;
    return op;
  }
  template <typename T>
  void start(const char* doing, const std::string& key, Done<T> done,
             typename TypedOp<T>::Send send) {
    core_->admit(make<T>(doing, key, std::move(done), std::move(send)));
  }

  std::shared_ptr<RetryCore> core_;
  std::string name_;
};

}  // namespace

std::unique_ptr<ObjectStore> make_retry_store(std::unique_ptr<ObjectStore> inner,
                                              LoopExecutor& executor, Governor* governor,
                                              const RetryPolicy& policy) {
  return std::make_unique<RetryStore>(std::move(inner), executor, governor, policy);
}

}  // namespace shoal::store
