// SPDX-License-Identifier: Apache-2.0
#include "store/hedge.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "store/governor.h"
#include "store/latency.h"

namespace shoal::store {
namespace {

// Sizes that take about the same time: to 16 KiB, 64 KiB, 256 KiB, 1 MiB, and longer.
constexpr std::size_t kSizes = 5;
std::size_t size_class(std::uint64_t bytes) {
  const auto quarters = static_cast<std::size_t>(std::bit_width((bytes - 1) >> 14) + 1) / 2;
  return std::min(quarters, kSizes - 1);
}

// A failure counts for this much of the recent share, so the share is one of about 100 GETs.
constexpr double kFailureWeight = 0.01;

class HedgeCall;

// What the GETs of one store share. Outlives the store while some are under way. confined.
class HedgeCore : public std::enable_shared_from_this<HedgeCore> {
 public:
  HedgeCore(std::unique_ptr<ObjectStore> inner, LoopExecutor& executor, Governor* governor,
            StoreCounters* counters, const HedgePolicy& policy)
      : inner_(std::move(inner)),
        executor_(executor),
        governor_(governor),
        counters_(counters == nullptr ? own_counters_ : *counters),
        policy_(policy),
        name_(inner_->name()) {}

  [[nodiscard]] ObjectStore& inner() { return *inner_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  void cancel_inner(CallId call) {
    if (inner_) inner_->cancel(call);
  }
  [[nodiscard]] LoopExecutor& executor() { return executor_; }
  [[nodiscard]] TimePoint now() const { return executor_.clock().now(); }
  [[nodiscard]] const HedgePolicy& policy() const { return policy_; }
  [[nodiscard]] StoreCounters& counters() { return counters_; }

  CallId add(const std::shared_ptr<HedgeCall>& call) {
    calls_.emplace(++last_id_, call);
    tokens_ = std::min(policy_.burst_max, tokens_ + policy_.share_max);
    return {last_id_};
  }
  void remove(CallId call) { calls_.erase(call.value); }
  void cancel(CallId call);
  void cancel_all();
  void close() {
    cancel_all();
    inner_.reset();
  }

  // The first byte of a GET came, or was waited for in vain, after this time.
  void learn(std::uint64_t bytes, Duration latency) { latencies_[size_class(bytes)].add(latency); }
  void on_end(bool failed) { failures_ += kFailureWeight * ((failed ? 1.0 : 0.0) - failures_); }
  // How long a GET of that size may be silent; nothing while that is not known.
  [[nodiscard]] std::optional<Duration> patience(std::uint64_t bytes) const {
    const auto usual =
        latencies_[size_class(bytes)].quantile(policy_.quantile, policy_.samples_min);
    if (!usual) return std::nullopt;
    return std::max(*usual, policy_.floor);
  }
  // Takes a second try out of the budgets, when they have one.
  [[nodiscard]] bool afford(std::uint64_t bytes) {
    if (tokens_ < 1 || failures_ > policy_.failures_max) return false;
    if (governor_ != nullptr &&
        (governor_->is_slowed() || governor_->admit(now(), bytes) > Duration::zero()))
      return false;
    tokens_ -= 1;
    return true;
  }

 private:
  std::unique_ptr<ObjectStore> inner_;  // null once the store is gone
  LoopExecutor& executor_;
  Governor* governor_;
  StoreCounters own_counters_;
  StoreCounters& counters_;
  const HedgePolicy policy_;
  const std::string name_;
  std::array<LatencyHistogram, kSizes> latencies_;
  double tokens_ = 0;
  double failures_ = 0;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, std::weak_ptr<HedgeCall>> calls_;
};

// One GET with its one or two tries. Held by the callbacks of the tries. confined.
class HedgeCall final : public std::enable_shared_from_this<HedgeCall> {
 public:
  HedgeCall(std::shared_ptr<HedgeCore> core, const GetRequest& request, BodySink& sink,
            Done<void> done)
      : core_(std::move(core)),
        request_(request),
        sink_(sink),
        done_(std::move(done)),
        started_at_(core_->now()),
        active_at_(started_at_),
        give_up_at_(started_at_ + (request.deadline > Duration::zero()
                                       ? request.deadline
                                       : Duration(limits::kIoTimeoutDefault))) {}

  CallId start() {
    id_ = core_->add(shared_from_this());
    const CallId id = id_;
    begin(first_);
    if (!request_.if_match.empty() && request_.length > 0)
      patience_ = core_->patience(request_.length);
    if (patience_) watch(active_at_ + *patience_);
    return id;
  }

  // `done` runs when the last try has ended.
  void cancel() {
    if (is_over_ || std::exchange(is_cancelled_, true)) return;
    stop_watching();
    give_up(first_);
    give_up(second_);
  }
  // As cancel(), for a store that gives everything up itself.
  void on_cancel_all() {
    is_cancelled_ = true;
    stop_watching();
  }

 private:
  struct Try final : BodySink {
    explicit Try(HedgeCall& owner) : call(owner) {}
    Result<void> on_bytes(ByteSpan bytes) override { return call.on_bytes(*this, bytes); }
    HedgeCall& call;
    CallId id{};
    std::uint64_t position = 0;  // in the request, behind the last byte that came
    bool is_running = false;
  };

  void begin(Try& attempt) {
    GetRequest rest = request_;
    rest.offset += delivered_;
    rest.length -= delivered_;
    rest.deadline = give_up_at_ - core_->now();
    attempt.position = delivered_;
    attempt.is_running = true;
    attempt.id = core_->inner().get(rest, attempt,
                                    [self = shared_from_this(), &attempt](Result<void> result) {
                                      attempt.is_running = false;
                                      self->on_end(attempt, std::move(result));
                                    });
  }
  void give_up(Try& attempt) {
    if (attempt.is_running) core_->cancel_inner(attempt.id);
  }

  // A try never is ahead of what was delivered, so it brings what comes next, or what was seen.
  Result<void> on_bytes(Try& attempt, ByteSpan bytes) {
    if (is_over_) return fail(ErrorCode::canceled, "another try was faster");
    if (&attempt == &first_) learn_once();
    const std::uint64_t seen = delivered_ - attempt.position;
    attempt.position += bytes.size();
    if (bytes.size() <= seen) return {};
    const ByteSpan fresh = bytes.subspan(seen);
    delivered_ += fresh.size();
    active_at_ = core_->now();
    // Two streams of a long object would cost its bytes twice: who moves first goes on alone.
    Try& other = &attempt == &first_ ? second_ : first_;
    if (other.is_running && request_.length > core_->policy().race_bytes_max) give_up(other);
    auto taken = sink_.on_bytes(fresh);
    sink_failed_ = !taken;
    return taken;
  }

  void learn_once() {
    if (std::exchange(has_learned_, true)) return;
    core_->learn(request_.length, core_->now() - started_at_);
  }

  void on_end(Try& attempt, Result<void> result) {
    if (is_over_) return;
    const bool is_complete = result && delivered_ == request_.length;
    const bool other_runs = first_.is_running || second_.is_running;
    // A failure that would meet the other try as well, or one of the caller's own, ends both.
    const bool is_final = is_complete || !other_runs || sink_failed_ ||
                          (!result && result.error().code() != ErrorCode::canceled &&
                           result.error().retry() == Retry::no);
    if (!is_final) return;
    if (!result && is_cancelled_)
      result = fail(ErrorCode::canceled, what() + ": given up by the caller");
    is_over_ = true;
    stop_watching();
    // What was waited for in vain counts too, or only fast tries would be learned from.
    if (was_hedged_) learn_once();
    if (is_complete && &attempt == &second_)
      core_->counters().hedges_won.fetch_add(1, std::memory_order_relaxed);
    give_up(first_);
    give_up(second_);
    core_->on_end(!result && result.error().retry() != Retry::no);
    core_->remove(id_);
    auto done = std::move(done_);
    done(std::move(result));
  }

  [[nodiscard]] std::string what() const { return "get " + core_->name() + "/" + request_.key; }

  // ---- being late

  void watch(TimePoint when) {
    if (when >= give_up_at_) return;
    timer_ = core_->executor().after(when - core_->now(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->on_timer();
    });
  }
  void stop_watching() { core_->executor().cancel(std::exchange(timer_, {})); }

  void on_timer() {
    timer_ = {};
    const TimePoint now = core_->now();
    if (now - active_at_ < *patience_) return watch(active_at_ + *patience_);
    if (!core_->afford(request_.length - delivered_)) return watch(now + *patience_);
    was_hedged_ = true;
    core_->counters().hedges_sent.fetch_add(1, std::memory_order_relaxed);
    begin(second_);
  }

  std::shared_ptr<HedgeCore> core_;
  const GetRequest request_;
  BodySink& sink_;
  Done<void> done_;
  const TimePoint started_at_;
  TimePoint active_at_;  // the last fresh byte
  const TimePoint give_up_at_;
  CallId id_{};
  Try first_{*this};
  Try second_{*this};
  std::uint64_t delivered_ = 0;
  std::optional<Duration> patience_;  // none: not hedged
  LoopExecutor::TimerId timer_{};
  bool has_learned_ = false;
  bool was_hedged_ = false;
  bool sink_failed_ = false;
  bool is_cancelled_ = false;
  bool is_over_ = false;
};

void HedgeCore::cancel(CallId call) {
  const auto found = calls_.find(call.value);
  if (found == calls_.end()) return;
  if (const auto alive = found->second.lock()) alive->cancel();
}

void HedgeCore::cancel_all() {
  std::vector<std::shared_ptr<HedgeCall>> calls;
  for (const auto& [id, call] : calls_)
    if (auto alive = call.lock()) calls.push_back(std::move(alive));
  for (const auto& call : calls) call->on_cancel_all();
  inner_->cancel_all();
}

class HedgeStore final : public ObjectStore {
 public:
  explicit HedgeStore(std::shared_ptr<HedgeCore> core) : core_(std::move(core)) {}
  ~HedgeStore() override { core_->close(); }

  const std::string& name() const override { return core_->name(); }
  CallId get(const GetRequest& request, BodySink& sink, Done<void> done) override {
    return std::make_shared<HedgeCall>(core_, request, sink, std::move(done))->start();
  }
  void cancel(CallId call) override { core_->cancel(call); }
  void cancel_all() override { core_->cancel_all(); }

  void head(const std::string& key, Done<ObjectInfo> done) override {
    core_->inner().head(key, std::move(done));
  }
  void list(const ListRequest& request, Done<ListPage> done) override {
    core_->inner().list(request, std::move(done));
  }
  void put(const PutRequest& request, Done<PutResult> done) override {
    core_->inner().put(request, std::move(done));
  }
  void create_upload(const std::string& key, const std::string& content_type,
                     Done<UploadId> done) override {
    core_->inner().create_upload(key, content_type, std::move(done));
  }
  void upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                   const BodyChecks& checks, Done<UploadedPart> done) override {
    core_->inner().upload_part(upload, number, body, checks, std::move(done));
  }
  void complete_upload(const CompleteRequest& request, Done<PutResult> done) override {
    core_->inner().complete_upload(request, std::move(done));
  }
  void abort_upload(const UploadId& upload, Done<void> done) override {
    core_->inner().abort_upload(upload, std::move(done));
  }
  void list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) override {
    core_->inner().list_uploads(request, std::move(done));
  }
  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              const BodyChecks& checks, Done<AppendResult> done) override {
    core_->inner().append(key, position, body, checks, std::move(done));
  }
  void remove(const std::string& key, Done<void> done) override {
    core_->inner().remove(key, std::move(done));
  }
  void copy(const std::string& source, const std::string& target, Done<PutResult> done) override {
    core_->inner().copy(source, target, std::move(done));
  }

 private:
  std::shared_ptr<HedgeCore> core_;
};

}  // namespace

std::unique_ptr<ObjectStore> make_hedge_store(std::unique_ptr<ObjectStore> inner,
                                              LoopExecutor& executor, Governor* governor,
                                              StoreCounters* counters, const HedgePolicy& policy) {
  return std::make_unique<HedgeStore>(
      std::make_shared<HedgeCore>(std::move(inner), executor, governor, counters, policy));
}

}  // namespace shoal::store
