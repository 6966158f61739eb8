// SPDX-License-Identifier: Apache-2.0
// Goal: the retry wrapper tries again exactly what may be tried again, at the right time, and no
// reader sees wrong bytes from it. Method: a memory store behind a seeded fault store behind the
// retry wrapper, on virtual time; and a store whose failures are written down in the test.
#include "store/retry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "store/fault.h"
#include "store/governor.h"
#include "store/memory/memory_store.h"
#include "virtual_loop.h"

namespace shoal::store {
namespace {

using namespace std::chrono_literals;

class TextSink final : public BodySink {
 public:
  Result<void> on_bytes(ByteSpan bytes) override {
    text += as_text(bytes);
    return {};
  }
  std::string text;
};

struct Outcome {
  int ends = 0;
  Result<void> result = fail(ErrorCode::bug, "the call never ended");
};

class RetryTest : public testing::Test {
 protected:
  void open(const FaultPlan& plan, const RetryPolicy& policy = {}, Governor* governor = nullptr) {
    auto inner = std::make_unique<MemoryStore>(loop);
    memory = inner.get();
    memory->set_piece_bytes(100);
    store = make_retry_store(make_fault_store(std::move(inner), loop, plan, &faults), loop,
                             governor, policy);
  }
  template <typename T>
  Result<T> await(const std::function<void(Done<T>)>& start) {
    std::optional<Result<T>> outcome;
    start([&](Result<T> result) {
      EXPECT_FALSE(outcome) << "done ran twice";
      outcome = std::move(result);
    });
    EXPECT_FALSE(outcome) << "done ran inside the call";
    loop.run_until([&] { return outcome.has_value(); });
    return outcome ? std::move(*outcome) : fail(ErrorCode::bug, "the call never ended");
  }
  Result<void> get(const std::string& key, std::uint64_t length, TextSink& sink,
                   const ETag& if_match, Duration deadline = {}) {
    return await<void>([&](Done<void> done) {
      store->get({.key = key, .length = length, .if_match = if_match, .deadline = deadline}, sink,
                 std::move(done));
    });
  }
  Duration now() const { return loop.clock().now().time_since_epoch(); }

  VirtualLoop loop;
  FaultCounts faults;
  MemoryStore* memory = nullptr;
  std::unique_ptr<ObjectStore> store;
};

TEST_F(RetryTest, reads_survive_a_bad_network_byte_for_byte) {
  open({.seed = 7, .error = 0.2, .throttle = 0.1, .partial = 0.4, .delay = 0.3, .delay_max = 20ms});
  std::string content;
  for (int i = 0; i < 1000; ++i) content += std::to_string(i) + ",";
  const ETag etag = memory->add("object", content);
  for (int i = 0; i < 200; ++i) {
    TextSink sink;
    const auto result = get("object", content.size(), sink, etag);
    ASSERT_TRUE(result) << result.error().to_string();
    ASSERT_EQ(sink.text, content);
  }
  EXPECT_GT(faults.partials, 50u);
  EXPECT_GT(faults.errors, 20u);
  EXPECT_LT(memory->counts().get_bytes, 200 * content.size() * 6 / 5)
      << "a broken GET goes on where it stopped";
}

TEST_F(RetryTest, a_broken_get_without_a_version_is_not_continued) {
  open({.seed = 3, .partial = 1});
  memory->add("object", std::string(1000, 'x'));
  TextSink sink;
  const auto result = get("object", 1000, sink, "");
  ASSERT_FALSE(result);
  EXPECT_EQ(memory->counts().get, 1u) << "the rest could be of another version";
}

TEST_F(RetryTest, gives_up_after_the_last_try_and_says_how_many) {
  open({.error = 1}, {.attempts_max = 4});
  memory->add("object", "x");
  TextSink sink;
  const auto result = get("object", 1, sink, "");
  ASSERT_FALSE(result);
  EXPECT_EQ(faults.calls, 4u);
  EXPECT_NE(result.error().message().find("(after 4 tries)"), std::string::npos)
      << result.error().to_string();
}

TEST_F(RetryTest, gives_up_at_the_deadline) {
  open({.error = 1}, {.attempts_max = 1000, .delay_max = 100ms});
  memory->add("object", "x");
  TextSink sink;
  const auto start = now();
  EXPECT_FALSE(get("object", 1, sink, "", 2s));
  EXPECT_LE(now() - start, 2s);
  EXPECT_GT(faults.calls, 10u);
}

TEST_F(RetryTest, final_failures_are_not_tried_again) {
  open({});
  TextSink sink;
  EXPECT_EQ(get("nothing", 1, sink, "").error().code(), ErrorCode::not_found);
  EXPECT_EQ(faults.calls, 1u);
}

TEST_F(RetryTest, a_lost_answer_is_repeated_only_when_twice_is_as_good_as_once) {
  const std::string body = "x";
  open({.lost = 1}, {.attempts_max = 3});
  const auto put = [&](const WriteCondition& condition) {
    return await<PutResult>([&](Done<PutResult> done) {
      store->put({.key = "k", .body = as_bytes(body), .condition = condition}, std::move(done));
    });
  };
  EXPECT_FALSE(put({}));
  EXPECT_EQ(memory->counts().put, 3u);
  memory->erase("k");
  EXPECT_FALSE(put({.if_absent = true}));
  EXPECT_EQ(memory->counts().put, 4u) << "the second try would find the first one's object";
  const auto replaced = put({.if_match = memory->add("k", "old")});
  EXPECT_EQ(replaced.error().retry(), Retry::unknown_effect);
  EXPECT_EQ(memory->counts().put, 5u) << "the second try would find another version";
  EXPECT_EQ(*memory->find("k"), body);
  const auto append = await<AppendResult>([&](Done<AppendResult> done) {
    store->append("log", 0, as_bytes(body), {}, std::move(done));
  });
  EXPECT_EQ(append.error().retry(), Retry::unknown_effect);
  EXPECT_EQ(memory->counts().append, 1u);
}

TEST_F(RetryTest, an_upload_survives_what_has_no_effect_and_its_end_is_not_repeated_blindly) {
  open({.seed = 11, .error = 0.3, .throttle = 0.2});
  const std::string body = "a part";
  const auto upload = await<UploadId>(
      [&](Done<UploadId> done) { store->create_upload("k", "text/csv", std::move(done)); });
  ASSERT_TRUE(upload) << upload.error().to_string();
  const auto part = await<UploadedPart>([&](Done<UploadedPart> done) {
    store->upload_part(*upload, 1, as_bytes(body), {}, std::move(done));
  });
  ASSERT_TRUE(part) << part.error().to_string();
  for (int i = 0; i < 50; ++i) {
    const auto page = await<UploadsPage>(
        [&](Done<UploadsPage> done) { store->list_uploads({}, std::move(done)); });
    ASSERT_TRUE(page) << page.error().to_string();
    ASSERT_EQ(page->uploads.size(), 1u);
    EXPECT_EQ(page->uploads[0].upload.id, upload->id);
  }
  EXPECT_GT(faults.errors + faults.throttles, 10u);
  const auto made = await<PutResult>([&](Done<PutResult> done) {
    store->complete_upload({.upload = *upload, .parts = {*part}}, std::move(done));
  });
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(*memory->find("k"), body);
  EXPECT_EQ(memory->content_type_of("k"), "text/csv");

  open({.lost = 1}, {.attempts_max = 3});
  const auto ended = await<PutResult>([&](Done<PutResult> done) {
    store->complete_upload({.upload = {"k", "x"}, .parts = {}}, std::move(done));
  });
  EXPECT_EQ(ended.error().code(), ErrorCode::not_found);
  EXPECT_EQ(memory->counts().complete_upload, 1u);
}

TEST_F(RetryTest, the_wait_is_at_least_what_the_service_asked_for) {
  // One refusal asking for 700 ms, then success.
  class Refusing final : public BodySink {
   public:
    Result<void> on_bytes(ByteSpan) override {
      if (++calls == 1)
        return fail(Error(ErrorCode::throttled, "slow down").with_retry(Retry::yes, 700ms));
      return {};
    }
    int calls = 0;
  } sink;
  Governor governor({});
  open({}, {}, &governor);
  const ETag etag = memory->add("object", "x");
  const auto start = now();
  ASSERT_TRUE(await<void>([&](Done<void> done) {
                store->get({.key = "object", .length = 1, .if_match = ""}, sink, std::move(done));
              }).has_value() == false)
      << "one byte was delivered and there is no version";
  EXPECT_EQ(governor.stats().throttled, 1u);
  open({.seed = 5, .throttle = 0.5}, {}, &governor);
  memory->add("object", "x");
  TextSink text;
  EXPECT_TRUE(get("object", 1, text, etag));
  EXPECT_GE(now() - start, 700ms) << "the pause holds for every request of the volume";
}

TEST_F(RetryTest, the_rate_of_the_governor_is_kept) {
  Governor governor({.requests_per_second = 100});
  open({}, {}, &governor);
  const ETag etag = memory->add("object", "x");
  std::vector<TextSink> sinks(500);
  std::size_t ends = 0;
  const auto start = now();
  for (auto& sink : sinks)
    store->get({.key = "object", .length = 1, .if_match = etag}, sink, [&](Result<void> result) {
      EXPECT_TRUE(result);
      ++ends;
    });
  loop.run_until([&] { return ends == sinks.size(); });
  EXPECT_GE(now() - start, 4800ms);
  EXPECT_LE(now() - start, 5100ms);
}

TEST_F(RetryTest, cancel_ends_calls_that_wait_for_their_turn_or_their_next_try) {
  Governor governor({.requests_per_second = 1});
  open({.error = 1}, {.attempts_max = 100}, &governor);
  memory->add("object", "x");
  std::vector<TextSink> sinks(5);
  int canceled = 0;
  for (auto& sink : sinks)
    store->get({.key = "object", .length = 1, .if_match = ""}, sink, [&](Result<void> result) {
      ASSERT_FALSE(result);
      canceled += result.error().code() == ErrorCode::canceled ? 1 : 0;
    });
  for (int i = 0; i < 3; ++i) loop.run_one();
  store->cancel_all();
  EXPECT_EQ(canceled, 0) << "done ran inside cancel_all";
  loop.run_all();
  EXPECT_EQ(canceled, 5);
}

TEST_F(RetryTest, cancel_of_one_get_takes_it_out_wherever_it_waits) {
  Governor governor({.requests_per_second = 1});
  // The first try of each fails and its next one is far away; the last ones wait for the budget.
  open({.error = 1}, {.attempts_max = 100, .delay_min = 40s, .delay_max = 40s}, &governor);
  memory->add("object", "x");
  std::vector<TextSink> sinks(4);
  std::vector<CallId> ids;
  std::vector<std::string> log;
  for (std::size_t i = 0; i < sinks.size(); ++i)
    ids.push_back(store->get(
        {.key = "object", .length = 1, .deadline = 60s}, sinks[i], [&, i](Result<void> result) {
          ASSERT_FALSE(result);
          log.push_back(std::to_string(i) + " " + std::string(name_of(result.error().code())));
        }));
  const auto start = now();
  loop.run_until([&] { return faults.calls == 2; });
  loop.run_one();         // the second failure arrives
  store->cancel(ids[0]);  // waits for its next try
  store->cancel(ids[3]);  // waits for the budget behind another one
  EXPECT_TRUE(log.empty()) << "done ran inside cancel";
  loop.run_one();
  loop.run_one();
  EXPECT_EQ(log, (std::vector<std::string>{"0 canceled", "3 canceled"}));
  EXPECT_LT(now() - start, 2s) << "no wait was sat out";
  loop.run_all();
  EXPECT_EQ(log.size(), 4u);
  EXPECT_EQ(std::ranges::count(log, "1 unavailable") + std::ranges::count(log, "2 unavailable"), 2);
}

TEST_F(RetryTest, cancel_reaches_a_get_that_is_under_way_below_and_is_not_repeated) {
  open({.delay = 1, .delay_max = 1h});
  memory->add("object", "x");
  TextSink sink;
  std::optional<Result<void>> outcome;
  const CallId id = store->get({.key = "object", .length = 1}, sink,
                               [&](Result<void> result) { outcome = std::move(result); });
  const auto start = now();
  store->cancel(id);
  EXPECT_FALSE(outcome);
  loop.run_until([&] { return outcome.has_value(); });
  ASSERT_TRUE(outcome && !*outcome);
  EXPECT_EQ(outcome->error().code(), ErrorCode::canceled);
  EXPECT_EQ(now(), start) << "the delay was not sat out";
  loop.run_all();
  EXPECT_EQ(faults.calls, 1u);
  EXPECT_EQ(memory->counts().get, 0u);
}

TEST_F(RetryTest, a_try_that_could_only_start_behind_the_deadline_is_not_waited_for) {
  open({.error = 1}, {.attempts_max = 100, .delay_min = 100s, .delay_max = 100s});
  memory->add("object", "x");
  TextSink sink;
  const auto start = now();
  const auto result = get("object", 1, sink, "", 2s);
  ASSERT_FALSE(result);
  EXPECT_LE(now() - start, 2s);
  EXPECT_EQ(result.error().code(), ErrorCode::unavailable) << "the last error, not a timeout";
  EXPECT_NE(result.error().message().find("no time for another"), std::string::npos)
      << result.error().to_string();
}

TEST_F(RetryTest, a_call_waits_for_the_budget_no_longer_than_its_deadline) {
  Governor governor({.bytes_per_second = 1});
  open({}, {}, &governor);
  const ETag etag = memory->add("object", std::string(1000, 'x'));
  TextSink first;
  ASSERT_TRUE(get("object", 1000, first, etag, 1s)) << "a large request must pass some time";
  TextSink second;
  const auto start = now();
  const auto result = get("object", 1000, second, etag, 3s);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::timeout);
  EXPECT_EQ(now() - start, 3s);
  EXPECT_EQ(memory->counts().get, 1u);
}

TEST_F(RetryTest, a_destroyed_store_ends_its_calls_once) {
  open({.error = 0.5, .delay = 0.5, .delay_max = 50ms});
  memory->add("object", "x");
  std::vector<TextSink> sinks(50);
  int ends = 0;
  for (auto& sink : sinks)
    store->get({.key = "object", .length = 1, .if_match = ""}, sink, [&](Result<void>) { ++ends; });
  for (int i = 0; i < 20; ++i) loop.run_one();
  store.reset();
  loop.run_all();
  EXPECT_EQ(ends, 50);
}

// ---- the governor by itself

TEST(Governor, admits_everything_when_nothing_is_limited) {
  Governor governor({});
  for (int i = 0; i < 10'000; ++i)
    EXPECT_EQ(governor.admit(TimePoint(1h), 1 << 20), Duration::zero());
}

TEST(Governor, bytes_are_paid_back_in_time) {
  Governor governor({.bytes_per_second = 1000});
  const TimePoint start(1h);
  EXPECT_EQ(governor.admit(start, 5000), Duration::zero()) << "a large request must pass some time";
  const Duration wait = governor.admit(start, 1);
  EXPECT_GE(wait, 4800ms);
  EXPECT_EQ(governor.admit(start + wait + 10ms, 1), Duration::zero());
}

TEST(Governor, one_burst_of_refusals_halves_the_rate_once_and_success_raises_it) {
  Governor governor({});
  TimePoint now(1h);
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(governor.admit(now, 0), Duration::zero());
    now += 1ms;
  }
  EXPECT_FALSE(governor.is_slowed());
  for (int i = 0; i < 100; ++i) governor.on_throttled(now, 0ms);
  EXPECT_TRUE(governor.is_slowed());
  const double halved = governor.stats().requests_per_second;
  EXPECT_NEAR(halved, 500, 25);
  EXPECT_EQ(governor.stats().throttled, 100u);
  for (int i = 0; i < 500; ++i) governor.on_success(now);
  EXPECT_EQ(governor.stats().requests_per_second, halved) << "answers of before the refusal";
  for (int i = 0; i < 500; ++i) governor.on_success(now += 1ms);
  EXPECT_GT(governor.stats().requests_per_second, halved * 1.3);
  governor.on_success(now + 10min);
  EXPECT_EQ(governor.stats().requests_per_second, 0) << "forgotten after two quiet minutes";
}

// A service that takes so many requests per second and refuses the rest, and a volume that would
// send 2000.
struct ThrottlingService {
  explicit ThrottlingService(Governor::Limits limits) : governor(limits) {}
  void run(Duration time, double capacity) {
    accepted = refused = 0;
    double room = 1;
    for (const TimePoint end = now + time; now < end; now += 500us) {
      room = std::min(capacity / 20, room + capacity / 2000);
      if (governor.admit(now, 0) > Duration::zero()) continue;
      if (room >= 1) {
        room -= 1;
        ++accepted;
        governor.on_success(now);
      } else {
        ++refused;
        governor.on_throttled(now, 0ms);
      }
    }
  }
  Governor governor;
  TimePoint now{1h};
  int accepted = 0;
  int refused = 0;
};

TEST(Governor, a_short_refusal_costs_a_few_seconds) {
  ThrottlingService service({});
  service.run(3s, 1e6);
  EXPECT_EQ(service.accepted, 6000);
  service.run(1s, 400);
  EXPECT_GT(service.refused, 0);
  service.run(6s, 1e6);
  EXPECT_EQ(service.refused, 0);
  service.run(2s, 1e6);
  EXPECT_EQ(service.accepted, 4000) << "the full rate is back";
  EXPECT_FALSE(service.governor.is_slowed());
}

TEST(Governor, a_lasting_limit_is_used_well_with_few_refusals) {
  ThrottlingService service({});
  service.run(5s, 500);
  service.run(60s, 500);
  EXPECT_GT(service.accepted, 60 * 500 * 70 / 100);
  EXPECT_LT(service.refused, service.accepted / 20);
}

TEST(Governor, the_rate_that_was_asked_for_is_never_exceeded_after_a_recovery) {
  ThrottlingService service({.requests_per_second = 300});
  service.run(2s, 1e6);
  service.run(1s, 100);
  service.run(10s, 1e6);
  EXPECT_LE(service.accepted, 300 * 10 + 40);
  EXPECT_GE(service.accepted, 300 * 7);
}

}  // namespace
}  // namespace shoal::store
