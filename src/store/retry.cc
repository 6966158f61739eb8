// SPDX-License-Identifier: Apache-2.0
#include "store/retry.h"

#include <functional>
#include <string>
#include <utility>

#include "store/governor.h"
#include "store/retry_core.h"

namespace shoal::store {
namespace {

template <typename T>
class TypedOp final : public RetryOp {
 public:
  using Send = std::move_only_function<void(ObjectStore&, Done<T>)>;

  TypedOp(std::shared_ptr<RetryCore> core, std::string what, Send send, Done<T> done)
      : RetryOp(std::move(core), std::move(what)), send_(std::move(send)), done_(std::move(done)) {}

  // False when the tries so far make another one wrong.
  std::function<bool()> can_go_on = [] { return true; };
  std::function<void()> give_up_inner = [] {};

  void cancel_inner() override { give_up_inner(); }
  void send() override {
    if (core_->now() >= give_up_at) return end(late_error());
    ++tries;
    send_(core_->inner(), [self = std::static_pointer_cast<TypedOp>(shared_from_this())](
                              Result<T> result) { self->on_result(std::move(result)); });
  }

  // `done` may hold this operation's last owner, so it leaves the object before it runs.
  void end(Error error) override {
    core_->forget(*this);
    auto done = std::move(done_);
    done(fail(std::move(error)));
  }

 private:
  void on_result(Result<T> result) {
    if (!result) return on_error(std::move(result).error(), can_go_on());
    if (core_->governor() != nullptr) core_->governor()->on_success(core_->now());
    core_->forget(*this);
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
  CallId inner{};  // of the present try
  int tries = 0;

 private:
  BodySink& target_;
};

// A second try would be judged by what the first one left.
bool is_conditional(const WriteCondition& condition) {
  return condition.if_absent || !condition.if_match.empty();
}

class RetryStore final : public ObjectStore {
 public:
  RetryStore(std::unique_ptr<ObjectStore> inner, LoopExecutor& executor, Governor* governor,
             const RetryPolicy& policy, RetryAudience audience)
      : core_(std::make_shared<RetryCore>(std::move(inner), executor, governor, policy,
                                          std::move(audience))),
        name_(core_->inner().name()) {}
  ~RetryStore() override { core_->close(); }

  const std::string& name() const override { return name_; }

  void head(const std::string& key, Done<ObjectInfo> done) override {
    start<ObjectInfo>(
        "head", key, std::move(done),
        [key](ObjectStore& inner, Done<ObjectInfo> next) { inner.head(key, std::move(next)); });
  }

  CallId get(const GetRequest& request, BodySink& sink, Done<void> done) override {
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
          rest.attempt = ++counting->tries;
          counting->inner = inner.get(rest, *counting, std::move(next));
        });
    op->bytes = request.length;
    op->give_up_at = give_up_at;
    op->can_go_on = [counting, has_version = !request.if_match.empty()] {
      return counting->delivered == 0 || has_version;
    };
    op->give_up_inner = [counting, core = core_] { core->inner().cancel(counting->inner); };
    return core_->begin(op);
  }
  void cancel(CallId call) override { core_->cancel(call); }

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
    op->is_idempotent = !is_conditional(request.condition);
    core_->begin(op);
  }

  void create_upload(const std::string& key, const std::string& content_type,
                     Done<UploadId> done) override {
    auto op = make<UploadId>("create upload of", key, std::move(done),
                             [key, content_type](ObjectStore& inner, Done<UploadId> next) {
                               inner.create_upload(key, content_type, std::move(next));
                             });
    op->is_idempotent = false;
    core_->begin(op);
  }

  void upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                   const BodyChecks& checks, Done<UploadedPart> done) override {
    auto op = make<UploadedPart>(
        "upload part of", upload.key, std::move(done),
        [upload, number, body, checks](ObjectStore& inner, Done<UploadedPart> next) {
          inner.upload_part(upload, number, body, checks, std::move(next));
        });
    op->bytes = body.size();
    core_->begin(op);
  }

  void complete_upload(const CompleteRequest& request, Done<PutResult> done) override {
    auto op = make<PutResult>("complete upload of", request.upload.key, std::move(done),
                              [request](ObjectStore& inner, Done<PutResult> next) {
                                inner.complete_upload(request, std::move(next));
                              });
    op->is_idempotent = false;
    core_->begin(op);
  }

  void abort_upload(const UploadId& upload, Done<void> done) override {
    start<void>("abort upload of", upload.key, std::move(done),
                [upload](ObjectStore& inner, Done<void> next) {
                  inner.abort_upload(upload, std::move(next));
                });
  }

  void list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) override {
    start<UploadsPage>("list uploads of", request.prefix, std::move(done),
                       [request](ObjectStore& inner, Done<UploadsPage> next) {
                         inner.list_uploads(request, std::move(next));
                       });
  }

  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              const BodyChecks& checks, Done<AppendResult> done) override {
    auto op = make<AppendResult>(
        "append to", key, std::move(done),
        [key, position, body, checks](ObjectStore& inner, Done<AppendResult> next) {
          inner.append(key, position, body, checks, std::move(next));
        });
    op->bytes = body.size();
    op->is_idempotent = false;
    core_->begin(op);
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

  void cancel_all() override { core_->cancel_all(); }

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
    core_->begin(make<T>(doing, key, std::move(done), std::move(send)));
  }

  std::shared_ptr<RetryCore> core_;
  std::string name_;
};

}  // namespace

std::unique_ptr<ObjectStore> make_retry_store(std::unique_ptr<ObjectStore> inner,
                                              LoopExecutor& executor, Governor* governor,
                                              const RetryPolicy& policy, RetryAudience audience) {
  return std::make_unique<RetryStore>(std::move(inner), executor, governor, policy,
                                      std::move(audience));
}

}  // namespace shoal::store
