// SPDX-License-Identifier: Apache-2.0
#include "store/fault.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/rng.h"

namespace shoal::store {
namespace {

// What is to go wrong with one call, drawn before it starts.
struct Fate {
  std::optional<Error> error;
  bool is_partial = false;
  bool is_corrupt = false;
  bool is_lost = false;
  std::uint64_t where = 0;  // random; which byte
};

// Stops a GET in the middle, or flips a bit of it.
class FaultySink final : public BodySink {
 public:
  FaultySink(BodySink& target, const Fate& fate, std::uint64_t length)
      : target_(target), fate_(fate), at_(length == 0 ? 0 : fate.where % length) {}

  Result<void> on_bytes(ByteSpan bytes) override {
    const std::uint64_t start = seen_;
    seen_ += bytes.size();
    const bool is_here = at_ >= start && at_ < seen_;
    if (!is_here || !(fate_.is_partial || fate_.is_corrupt)) return target_.on_bytes(bytes);
    if (fate_.is_corrupt) {
      std::vector<std::byte> wrong(bytes.begin(), bytes.end());
      wrong[at_ - start] ^= std::byte{0x10};
      return target_.on_bytes(wrong);
    }
    if (at_ > start)
      if (auto taken = target_.on_bytes(bytes.first(at_ - start)); !taken) return taken;
    return fail(
        Error(ErrorCode::unavailable, "injected: the connection broke").with_retry(Retry::yes));
  }

 private:
  BodySink& target_;
  Fate fate_;
  std::uint64_t at_;
  std::uint64_t seen_ = 0;
};

// Calls that start late or fail at once. A call that is given up meanwhile is run with true; so is
// each when the store goes.
class LateCalls : public std::enable_shared_from_this<LateCalls> {
 public:
  using Run = std::move_only_function<void(bool is_cancelled)>;
  explicit LateCalls(LoopExecutor& executor) : executor_(executor) {}

  // Zero delay: in the next task.
  void add(std::uint64_t id, Duration delay, Run run) {
    auto& call = calls_[id];
    call.run = std::move(run);
    auto task = [self = shared_from_this(), id] { self->start(id); };
    if (delay > Duration::zero())
      call.timer = executor_.after(delay, std::move(task));
    else
      executor_.post(std::move(task));
  }
  bool cancel(std::uint64_t id) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return false;
    executor_.cancel(found->second.timer);
    executor_.post([run = std::move(found->second.run)]() mutable { run(true); });
    calls_.erase(found);
    return true;
  }
  void cancel_all() {
    while (!calls_.empty()) cancel(calls_.begin()->first);
  }

 private:
  struct Call {
    Run run;
    LoopExecutor::TimerId timer{};
  };
  void start(std::uint64_t id) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    Run run = std::move(found->second.run);
    calls_.erase(found);
    run(/*is_cancelled=*/false);
  }

  LoopExecutor& executor_;
  std::map<std::uint64_t, Call> calls_;
};

class FaultStore final : public ObjectStore {
 public:
  FaultStore(std::unique_ptr<ObjectStore> inner, LoopExecutor& executor, const FaultPlan& plan,
             FaultCounts* counts)
      : inner_(std::move(inner)),
        plan_(plan),
        counts_(counts == nullptr ? own_counts_ : *counts),
        rng_(plan.seed),
        late_(std::make_shared<LateCalls>(executor)),
        inner_ids_(std::make_shared<InnerIds>()) {}
  ~FaultStore() override { late_->cancel_all(); }

  const std::string& name() const override { return inner_->name(); }

  void head(const std::string& key, Done<ObjectInfo> done) override {
    read<ObjectInfo>(std::move(done),
                     [this, key](Done<ObjectInfo> next) { inner_->head(key, std::move(next)); });
  }
  CallId get(const GetRequest& request, BodySink& sink, Done<void> done) override {
    const Fate fate = draw();
    auto faulty = std::make_shared<FaultySink>(sink, fate, request.length);
    if (fate.is_partial) ++counts_.partials;
    if (fate.is_corrupt) ++counts_.corruptions;
    const std::uint64_t id = last_id_ + 1;  // of the call that run() makes
    return run<void>(fate, std::move(done), [this, id, request, faulty](Done<void> next) {
      (*inner_ids_)[id] = inner_->get(
          request, *faulty,
          [id, ids = inner_ids_, faulty, next = std::move(next)](Result<void> result) mutable {
            ids->erase(id);
            next(std::move(result));
          });
    });
  }
  void cancel(CallId call) override {
    if (late_->cancel(call.value)) return;
    const auto found = inner_ids_->find(call.value);
    if (found != inner_ids_->end()) inner_->cancel(found->second);
  }
  void list(const ListRequest& request, Done<ListPage> done) override {
    read<ListPage>(std::move(done), [this, request](Done<ListPage> next) {
      inner_->list(request, std::move(next));
    });
  }
  void put(const PutRequest& request, Done<PutResult> done) override {
    write<PutResult>(std::move(done), [this, request](Done<PutResult> next) {
      inner_->put(request, std::move(next));
    });
  }
  void create_upload(const std::string& key, const std::string& content_type,
                     Done<UploadId> done) override {
    write<UploadId>(std::move(done), [this, key, content_type](Done<UploadId> next) {
      inner_->create_upload(key, content_type, std::move(next));
    });
  }
  void upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                   const BodyChecks& checks, Done<UploadedPart> done) override {
    write<UploadedPart>(std::move(done),
                        [this, upload, number, body, checks](Done<UploadedPart> next) {
                          inner_->upload_part(upload, number, body, checks, std::move(next));
                        });
  }
  void complete_upload(const CompleteRequest& request, Done<PutResult> done) override {
    write<PutResult>(std::move(done), [this, request](Done<PutResult> next) {
      inner_->complete_upload(request, std::move(next));
    });
  }
  void abort_upload(const UploadId& upload, Done<void> done) override {
    write<void>(std::move(done),
                [this, upload](Done<void> next) { inner_->abort_upload(upload, std::move(next)); });
  }
  void list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) override {
    read<UploadsPage>(std::move(done), [this, request](Done<UploadsPage> next) {
      inner_->list_uploads(request, std::move(next));
    });
  }
  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              const BodyChecks& checks, Done<AppendResult> done) override {
    write<AppendResult>(std::move(done),
                        [this, key, position, body, checks](Done<AppendResult> next) {
                          inner_->append(key, position, body, checks, std::move(next));
                        });
  }
  void remove(const std::string& key, Done<void> done) override {
    write<void>(std::move(done),
                [this, key](Done<void> next) { inner_->remove(key, std::move(next)); });
  }
  void copy(const std::string& source, const std::string& target, Done<PutResult> done) override {
    write<PutResult>(std::move(done), [this, source, target](Done<PutResult> next) {
      inner_->copy(source, target, std::move(next));
    });
  }
  void cancel_all() override {
    late_->cancel_all();
    inner_->cancel_all();
  }

 private:
  template <typename T>
  using Go = std::move_only_function<void(Done<T>)>;

  bool happens(double share) { return rng_.unit() < share; }

  Fate draw() {
    ++counts_.calls;
    Fate fate;
    if (happens(plan_.error)) {
      ++counts_.errors;
      fate.error = Error(ErrorCode::unavailable, "injected: no answer").with_retry(Retry::yes);
    } else if (happens(plan_.throttle)) {
      ++counts_.throttles;
      fate.error = Error(ErrorCode::throttled, "injected: slow down").with_retry(Retry::yes);
    } else {
      fate.is_partial = happens(plan_.partial);
      fate.is_corrupt = !fate.is_partial && happens(plan_.corrupt);
      fate.is_lost = happens(plan_.lost);
    }
    fate.where = rng_.next();
    return fate;
  }

  template <typename T>
  void read(Done<T> done, Go<T> go) {
    run<T>(draw(), std::move(done), std::move(go));
  }

  template <typename T>
  void write(Done<T> done, Go<T> go) {
    const Fate fate = draw();
    if (!fate.is_lost) {
      run<T>(fate, std::move(done), std::move(go));
      return;
    }
    ++counts_.lost;
    run<T>(
        fate,
        [done = std::move(done)](Result<T> result) mutable {
          if (!result) return done(std::move(result));
          done(fail(Error(ErrorCode::unavailable, "injected: the answer was lost")
                        .with_retry(Retry::unknown_effect)));
        },
        std::move(go));
  }

  // Starts the call now or late, or fails it; in each case `done` runs in a later task.
  template <typename T>
  CallId run(const Fate& fate, Done<T> done, Go<T> go) {
    const CallId id{++last_id_};
    const bool is_late = happens(plan_.delay);
    if (!is_late && !fate.error) {
      go(std::move(done));
      return id;
    }
    Duration delay{};
    if (is_late) {
      ++counts_.delays;
      delay = std::chrono::duration_cast<Duration>(plan_.delay_max * rng_.unit());
    }
    late_->add(id.value, delay,
               [error = fate.error, go = std::move(go),
                done = std::move(done)](bool is_cancelled) mutable {
                 if (is_cancelled) return done(fail(ErrorCode::canceled, "given up by the caller"));
                 if (error) return done(fail(std::move(*error)));
                 go(std::move(done));
               });
    return id;
  }

  std::unique_ptr<ObjectStore> inner_;
  FaultPlan plan_;
  FaultCounts own_counts_;
  FaultCounts& counts_;
  Rng rng_;
  std::uint64_t last_id_ = 0;
  std::shared_ptr<LateCalls> late_;  // those that have not reached the inner store
  using InnerIds = std::unordered_map<std::uint64_t, CallId>;
  std::shared_ptr<InnerIds> inner_ids_;  // of the GETs that have
};

}  // namespace

std::unique_ptr<ObjectStore> make_fault_store(std::unique_ptr<ObjectStore> inner,
                                              LoopExecutor& executor, const FaultPlan& plan,
                                              FaultCounts* counts) {
  return std::make_unique<FaultStore>(std::move(inner), executor, plan, counts);
}

}  // namespace shoal::store
