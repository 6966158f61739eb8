// SPDX-License-Identifier: Apache-2.0
// Goal: a late GET gets a second try, within the budget, and the reader sees each byte once, in
// order, whatever the two tries do. Method: a store whose tries are delayed, cut and failed by a
// plan or by a seeded generator, behind the hedge wrapper, on virtual time.
#include "store/hedge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/rng.h"
#include "store/governor.h"
#include "store/latency.h"
#include "store/memory/memory_store.h"
#include "store/retry.h"
#include "virtual_loop.h"

namespace shoal::store {
namespace {

using namespace std::chrono_literals;

// What one try does: pieces of bytes at times, then an end.
struct TryPlan {
  Duration first_byte = 5ms;
  std::uint64_t piece_bytes = 1 << 20;
  Duration between{};
  std::uint64_t stop_after = ~std::uint64_t{0};  // then silence, or the error
  std::optional<Error> error{};
};

char byte_at(std::uint64_t offset) {
  return static_cast<char>('a' + offset * 31 % 26);
}

// Answers each GET as the next plan says. Everything but get is left to the memory store.
class PlannedStore final : public ObjectStore {
 public:
  explicit PlannedStore(VirtualLoop& loop) : loop_(loop), rest_(loop) {}
  std::function<TryPlan(std::uint64_t number, const GetRequest&)> plan =
      [](std::uint64_t, const GetRequest&) { return TryPlan{}; };
  std::uint64_t gets = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t in_flight = 0;
  std::vector<GetRequest> requests;

  CallId get(const GetRequest& request, BodySink& sink, Done<void> done) override {
    requests.push_back(request);
    ++in_flight;
    const CallId id{++gets};
    auto call = std::make_shared<Call>(Call{plan(gets, request), request, &sink, std::move(done)});
    calls_[id.value] = call;
    go_on_after(call->plan.first_byte, id);
    return id;
  }
  void cancel(CallId id) override {
    const auto found = calls_.find(id.value);
    if (found == calls_.end()) return;
    ++cancelled;
    auto call = found->second;
    calls_.erase(found);
    --in_flight;
    loop_.post([call] { call->done(fail(ErrorCode::canceled, "canceled")); });
  }
  void cancel_all() override {
    while (!calls_.empty()) cancel({calls_.begin()->first});
  }
  ~PlannedStore() override { PlannedStore::cancel_all(); }

  const std::string& name() const override { return rest_.name(); }
  void head(const std::string& k, Done<ObjectInfo> d) override { rest_.head(k, std::move(d)); }
  void list(const ListRequest& r, Done<ListPage> d) override { rest_.list(r, std::move(d)); }
  void put(const PutRequest& r, Done<PutResult> d) override { rest_.put(r, std::move(d)); }
  void create_upload(const std::string& k, const std::string& t, Done<UploadId> d) override {
    rest_.create_upload(k, t, std::move(d));
  }
  void upload_part(const UploadId& u, std::uint32_t n, ByteSpan b, const BodyChecks& c,
                   Done<UploadedPart> d) override {
    rest_.upload_part(u, n, b, c, std::move(d));
  }
  void complete_upload(const CompleteRequest& r, Done<PutResult> d) override {
    rest_.complete_upload(r, std::move(d));
  }
  void list_uploads(const ListUploadsRequest& r, Done<UploadsPage> d) override {
    rest_.list_uploads(r, std::move(d));
  }
  void abort_upload(const UploadId& u, Done<void> d) override {
    rest_.abort_upload(u, std::move(d));
  }
  void append(const std::string& k, std::uint64_t p, ByteSpan b, const BodyChecks& c,
              Done<AppendResult> d) override {
    rest_.append(k, p, b, c, std::move(d));
  }
  void remove(const std::string& k, Done<void> d) override { rest_.remove(k, std::move(d)); }
  void copy(const std::string& s, const std::string& t, Done<PutResult> d) override {
    rest_.copy(s, t, std::move(d));
  }

 private:
  struct Call {
    TryPlan plan;
    GetRequest request;
    BodySink* sink;
    Done<void> done;
    std::uint64_t sent = 0;
  };
  void end(CallId id, Result<void> result) {
    auto call = std::move(calls_.extract(id.value).mapped());
    --in_flight;
    call->done(std::move(result));
  }
  // The loop may outlive the store.
  void go_on_after(Duration delay, CallId id) {
    loop_.after(delay, [this, id, alive = std::weak_ptr<const bool>(alive_)] {
      if (!alive.expired()) go_on(id);
    });
  }
  void go_on(CallId id) {
    const auto found = calls_.find(id.value);
    if (found == calls_.end()) return;
    const auto call = found->second;
    const std::uint64_t stop = std::min(call->plan.stop_after, call->request.length);
    const std::uint64_t count = std::min(call->plan.piece_bytes, stop - call->sent);
    std::string bytes;
    for (std::uint64_t i = 0; i < count; ++i)
      bytes += byte_at(call->request.offset + call->sent + i);
    call->sent += count;
    if (count > 0) {
      auto taken = call->sink->on_bytes(as_bytes(bytes));
      if (!calls_.contains(id.value)) return;
      if (!taken) return end(id, std::move(taken));
    }
    if (call->sent == call->request.length) return end(id, {});
    if (call->sent < stop) {
      go_on_after(call->plan.between, id);
      return;
    }
    if (call->plan.error) end(id, fail(*call->plan.error));
  }

  VirtualLoop& loop_;
  MemoryStore rest_;
  std::map<std::uint64_t, std::shared_ptr<Call>> calls_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

struct CheckingSink final : BodySink {
  Result<void> on_bytes(ByteSpan bytes) override {
    for (const char c : as_text(bytes)) wrong = wrong || c != byte_at(offset++);
    EXPECT_FALSE(ended) << "bytes after the end";
    return {};
  }
  std::uint64_t offset = 0;
  bool wrong = false;
  bool ended = false;
};

class HedgeTest : public testing::Test {
 protected:
  void open(Governor* governor = nullptr, const HedgePolicy& policy = {}) {
    auto inner = std::make_unique<PlannedStore>(loop);
    planned = inner.get();
    store = make_hedge_store(std::move(inner), loop, governor, &counters, policy);
  }
  Result<void> get(std::uint64_t length, const ETag& if_match = "v", Duration deadline = {}) {
    CheckingSink sink;
    std::optional<Result<void>> outcome;
    store->get({.key = "k", .length = length, .if_match = if_match, .deadline = deadline}, sink,
               [&](Result<void> result) {
                 EXPECT_FALSE(outcome) << "done ran twice";
                 sink.ended = true;
                 outcome = std::move(result);
               });
    EXPECT_FALSE(outcome) << "done ran inside the call";
    loop.run_until([&] { return outcome.has_value(); });
    EXPECT_FALSE(sink.wrong);
    if (outcome && *outcome) {
      EXPECT_EQ(sink.offset, length);
    }
    return outcome ? std::move(*outcome) : fail(ErrorCode::bug, "the call never ended");
  }
  // Enough fast GETs for the wrapper to know what is late, and for a full budget.
  void learn(std::uint64_t length = 1000, int count = 400) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(get(length));
    ASSERT_EQ(counters.hedges_sent, 0u);
  }
  void next_tries(std::vector<TryPlan> plans) {
    planned->plan = [plans, first = planned->gets + 1](std::uint64_t number, const GetRequest&) {
      return number - first < plans.size() ? plans[number - first] : TryPlan{};
    };
  }
  Duration now() const { return loop.clock().now().time_since_epoch(); }

  VirtualLoop loop;
  StoreCounters counters;
  PlannedStore* planned = nullptr;
  std::unique_ptr<ObjectStore> store;
};

TEST_F(HedgeTest, a_silent_get_is_sent_again_and_the_first_complete_answer_wins) {
  open();
  learn();
  next_tries({{.first_byte = 10s}, {.first_byte = 5ms}});
  const auto start = now();
  ASSERT_TRUE(get(1000));
  EXPECT_GE(now() - start, 25ms) << "the floor and the second try";
  EXPECT_LE(now() - start, 30ms);
  EXPECT_EQ(counters.hedges_sent, 1u);
  EXPECT_EQ(counters.hedges_won, 1u);
  EXPECT_EQ(planned->cancelled, 1u) << "the loser goes on";
  EXPECT_EQ(planned->in_flight, 0u);
  EXPECT_EQ(planned->requests.back().if_match, "v");
}

TEST_F(HedgeTest, the_patience_is_what_recent_gets_of_that_size_took) {
  open();
  planned->plan = [](std::uint64_t number, const GetRequest&) {
    return TryPlan{.first_byte = number % 50 == 0 ? 200ms : 10ms};
  };
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(get(1000));
  const auto sent = counters.hedges_sent.load();
  next_tries({{.first_byte = 150ms}});
  ASSERT_TRUE(get(1000));
  EXPECT_EQ(counters.hedges_sent, sent) << "two in a hundred take longer: that is usual here";
  next_tries({{.first_byte = 150ms}});
  ASSERT_TRUE(get(500'000)) << "nothing is known about this size";
  EXPECT_EQ(counters.hedges_sent, sent);
  next_tries({{.first_byte = 5s}, {.first_byte = 10ms}});
  ASSERT_TRUE(get(1000));
  EXPECT_EQ(counters.hedges_sent, sent + 1);
}

TEST_F(HedgeTest, a_stalled_get_goes_on_behind_its_bytes) {
  open();
  learn(900'000, 110);
  learn(3'000'000, 110);
  next_tries({{.piece_bytes = 100'000, .stop_after = 500'000}, {.piece_bytes = 100'000}});
  ASSERT_TRUE(get(900'000));
  EXPECT_EQ(planned->requests.back().offset, 500'000u);
  EXPECT_EQ(planned->requests.back().length, 400'000u);
  next_tries({{.piece_bytes = 1'000'000, .between = 60ms}, {.first_byte = 30ms, .between = 1ms}});
  ASSERT_TRUE(get(3'000'000)) << "the first try moves again while the second delivers";
  EXPECT_EQ(counters.hedges_sent, 2u);
  loop.run_all();
  EXPECT_EQ(planned->in_flight, 0u);
}

TEST_F(HedgeTest, without_a_version_nothing_is_hedged) {
  open();
  learn();
  next_tries({{.first_byte = 10s}});
  ASSERT_TRUE(get(1000, ""));
  EXPECT_EQ(counters.hedges_sent, 0u);
}

TEST_F(HedgeTest, nothing_is_hedged_while_the_service_throttles_or_fails) {
  Governor governor({});
  open(&governor);
  learn();
  governor.on_throttled(loop.clock().now(), {});
  next_tries({{.first_byte = 300ms}});
  ASSERT_TRUE(get(1000));
  EXPECT_EQ(counters.hedges_sent, 0u);

  open();
  learn();
  const Error broken = Error(ErrorCode::unavailable, "broken").with_retry(Retry::yes);
  for (int i = 0; i < 20; ++i) {
    next_tries({{.stop_after = 0, .error = broken}});
    ASSERT_FALSE(get(1000));
  }
  next_tries({{.first_byte = 300ms}});
  ASSERT_TRUE(get(1000));
  EXPECT_EQ(counters.hedges_sent, 0u);
}

TEST_F(HedgeTest, second_tries_stay_within_three_in_a_hundred) {
  open();
  learn();
  // From now on every GET is late: the quantile follows, and until then the budget holds.
  planned->plan = [](std::uint64_t, const GetRequest&) { return TryPlan{.first_byte = 2s}; };
  constexpr int kGets = 2000;
  for (int i = 0; i < kGets; ++i) ASSERT_TRUE(get(1000));
  EXPECT_GT(counters.hedges_sent, 0u);
  EXPECT_LE(static_cast<double>(counters.hedges_sent), 8 + 0.03 * kGets);
}

TEST_F(HedgeTest, the_failure_of_one_try_leaves_the_other_alone) {
  const Error broken = Error(ErrorCode::unavailable, "broken").with_retry(Retry::yes);
  open();
  learn();
  next_tries({{.first_byte = 100ms}, {.stop_after = 300, .error = broken}});
  ASSERT_TRUE(get(1000)) << "the second fails";
  next_tries({{.first_byte = 40ms, .stop_after = 0, .error = broken}, {.first_byte = 50ms}});
  ASSERT_TRUE(get(1000)) << "the first fails";
  next_tries({{.first_byte = 40ms, .stop_after = 0, .error = broken},
              {.first_byte = 50ms, .stop_after = 10, .error = broken}});
  EXPECT_EQ(get(1000).error().message(), "broken") << "both fail";
  next_tries({{.first_byte = 10s},
              {.stop_after = 0, .error = Error(ErrorCode::precondition, "replaced")}});
  EXPECT_EQ(get(1000).error().code(), ErrorCode::precondition) << "the other would fail as well";
  EXPECT_EQ(counters.hedges_sent, 4u);
  loop.run_all();
  EXPECT_EQ(planned->in_flight, 0u);
}

TEST_F(HedgeTest, both_tries_together_keep_the_deadline) {
  open();
  learn();
  next_tries({{.first_byte = 10s}, {.first_byte = 10s}});
  CheckingSink sink;
  const auto start = now();
  store->get({.key = "k", .length = 1000, .if_match = "v", .deadline = 300ms}, sink,
             [&](Result<void>) { sink.ended = true; });
  loop.run_until([&] { return counters.hedges_sent == 1; });
  const auto passed = now() - start;
  EXPECT_EQ(planned->requests.back().deadline, 300ms - passed);
  store->cancel_all();
  loop.run_until([&] { return sink.ended; });
}

TEST_F(HedgeTest, cancel_ends_both_tries) {
  open();
  learn();
  next_tries({{.first_byte = 10s}, {.first_byte = 10s}});
  CheckingSink sink;
  std::optional<Result<void>> outcome;
  const CallId id = store->get({.key = "k", .length = 1000, .if_match = "v"}, sink,
                               [&](Result<void> result) { outcome = std::move(result); });
  loop.run_until([&] { return planned->in_flight == 2; });
  store->cancel(id);
  EXPECT_FALSE(outcome);
  EXPECT_EQ(planned->in_flight, 0u);
  loop.run_until([&] { return outcome.has_value(); });
  EXPECT_EQ(outcome->error().code(), ErrorCode::canceled);
}

TEST_F(HedgeTest, every_interleaving_delivers_each_byte_once_and_ends_once) {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Rng rng(seed);
    open(nullptr, {.share_max = 1, .samples_min = 1, .race_bytes_max = 4000, .failures_max = 1});
    const std::uint64_t length = 1 + rng.below(9000);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(get(length));
    planned->plan = [&](std::uint64_t, const GetRequest& request) {
      TryPlan plan;
      plan.first_byte = std::chrono::milliseconds(rng.below(60));
      plan.between = std::chrono::milliseconds(rng.below(40));
      plan.piece_bytes = 1 + rng.below(3000);
      if (rng.below(4) == 0) {
        plan.stop_after = rng.below(request.length + 1);
        plan.error = Error(ErrorCode::unavailable, "cut").with_retry(Retry::yes);
      }
      return plan;
    };
    CheckingSink sink;
    int ends = 0;
    Result<void> outcome;
    const CallId id =
        store->get({.key = "k", .length = length, .if_match = "v"}, sink, [&](Result<void> result) {
          ++ends;
          sink.ended = true;
          outcome = std::move(result);
        });
    const bool gives_up = rng.below(5) == 0;
    for (std::uint64_t steps = rng.below(30); gives_up && steps > 0; --steps) loop.run_one();
    if (gives_up) store->cancel(id);
    if (rng.below(10) == 0) store.reset();
    loop.run_all();
    ASSERT_EQ(ends, 1) << seed;
    ASSERT_FALSE(sink.wrong) << seed;
    if (outcome) {
      ASSERT_EQ(sink.offset, length) << seed;
    }
    if (store) {
      ASSERT_EQ(planned->in_flight, 0u) << seed;
    }
  }
  EXPECT_GT(counters.hedges_sent, 150u);
  EXPECT_GT(counters.hedges_won, 40u);
}

TEST(LatencyHistogram, quantiles_are_at_most_a_fifth_too_high_and_forget) {
  LatencyHistogram histogram;
  EXPECT_FALSE(histogram.quantile(0.5, 1));
  for (int i = 1; i <= 1000; ++i) histogram.add(std::chrono::microseconds(i * 10));
  const Duration p99 = *histogram.quantile(0.99, 100);
  EXPECT_GE(p99, 9900us);
  EXPECT_LE(p99, 11900us);
  for (int i = 0; i < 20'000; ++i) histogram.add(100us);
  EXPECT_LE(*histogram.quantile(0.99, 100), 120us);
}

}  // namespace
}  // namespace shoal::store
