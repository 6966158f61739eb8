// SPDX-License-Identifier: Apache-2.0
// Goal: every HTTP request is counted once under what it was and how it ended, every failure names
// the service's request id, the log at `debug` has a line for each request and never a secret, and
// whoever asked hears of every failed try. Method: a transport that answers from a list.
#include <gtest/gtest.h>

#include <numeric>

#include "base/log.h"
#include "fake_transport.h"
#include "store/counters.h"
#include "store/remote/remote_store.h"
#include "store/retry.h"
#include "store/s3/s3_service.h"
#include "virtual_loop.h"

namespace shoal::store {
namespace {

using namespace std::chrono_literals;

class NoSink final : public BodySink {
 public:
  Result<void> on_bytes(ByteSpan) override { return {}; }
};

class ActivityTest : public testing::Test {
 protected:
  ActivityTest() : transport(loop) {
    const StoreConfig config{.endpoint = "https://s3.us-east-1.amazonaws.com",
                             .region = "us-east-1"};
    auto service =
        s3::make_service("bucket", config,
                         Credentials{"AKIDVISIBLE", Secret("SECRETKEY"), Secret("SESSIONTOKEN"),
                                     "environment", 1'900'000'000});
    auto remote =
        make_remote_store(loop, transport, nullptr, std::move(service).value(), &counters);
    RetryAudience audience;
    audience.counters = &counters;
    audience.on_failed_try = [this](const FailedTry& failed) {
      tries.push_back(failed.tries);
      if (!failed.next_try) ++final_failures;
    };
    store = make_retry_store(std::move(remote), loop, nullptr, {.attempts_max = 3}, audience);
  }
  Result<void> get(std::uint64_t length = 5) {
    NoSink sink;
    std::optional<Result<void>> outcome;
    last = store->get({.key = "dir/k", .length = length, .if_match = "v1"}, sink,
                      [&](Result<void> result) { outcome = std::move(result); });
    if (cancel_at_once) store->cancel(last);
    loop.run_until([&] { return outcome.has_value(); });
    return std::move(*outcome);
  }
  StoreActivity::Op count(RequestKind kind) {
    StoreActivity activity;
    counters.add_to(activity, std::array{kind});
    return activity.ops.at(0);
  }
  static std::uint64_t timed(const StoreActivity::Op& op) {
    return std::accumulate(op.durations.counts.begin(), op.durations.counts.end(),
                           std::uint64_t{0});
  }

  VirtualLoop loop;
  FakeTransport transport;
  StoreCounters counters;
  std::unique_ptr<ObjectStore> store;
  std::vector<int> tries;
  int final_failures = 0;
  bool cancel_at_once = false;
  CallId last{};
};

const FakeAnswer kGood{.status = 206,
                       .headers = {{"Content-Range", "bytes 0-4/9"}, {"x-amz-request-id", "RID7"}},
                       .body = "hello"};

TEST_F(ActivityTest, requests_are_counted_by_kind_and_end_with_their_time) {
  transport.answer_delay = 30ms;
  transport.answers = {{.status = 503, .body = "<Error><Code>SlowDown</Code></Error>"}, kGood};
  ASSERT_TRUE(get());
  const auto op = count(RequestKind::get);
  EXPECT_EQ(op.name, "get");
  EXPECT_EQ(op.by_code, (std::array<std::uint64_t, 6>{1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(timed(op), 2u);
  EXPECT_NEAR(op.durations.seconds, 0.060, 0.001);
  StoreActivity activity;
  counters.add_to(activity, {});
  EXPECT_EQ(activity.retries, (std::array<std::uint64_t, 5>{1, 0, 0, 0, 0}));
  EXPECT_EQ(activity.received_bytes, 5u + 36u);
  EXPECT_EQ(count(RequestKind::put).by_code, (std::array<std::uint64_t, 6>{}));
}

TEST_F(ActivityTest, silence_is_no_answer_and_a_given_up_request_has_no_time) {
  transport.answers = {{.status = 500}, {.status = 500}};
  ASSERT_FALSE(get());
  EXPECT_EQ(count(RequestKind::get).by_code, (std::array<std::uint64_t, 6>{0, 0, 0, 2, 1, 0}));
  EXPECT_EQ(tries, (std::vector{1, 2, 3}));
  EXPECT_EQ(final_failures, 1);
  transport.answer_delay = 1s;
  cancel_at_once = true;
  ASSERT_FALSE(get());
  const auto op = count(RequestKind::get);
  EXPECT_EQ(op.by_code[5], 1u);
  EXPECT_EQ(timed(op), 3u);
  EXPECT_EQ(final_failures, 1) << "who gives up needs not be told";
}

TEST_F(ActivityTest, every_failure_behind_an_answer_names_the_request) {
  using Headers = std::vector<http::Header>;
  const FakeAnswer bad[] = {
      {.status = 404, .headers = {{"x-amz-request-id", "RID7"}}},
      {.status = 206, .headers = {{"x-amz-request-id", "RID7"}, {"Content-Range", "bytes 3-7/9"}}},
      {.status = 206,
       .headers = {{"x-amz-request-id", "RID7"},
                   {"Content-Range", "bytes 0-4/9"},
                   {"ETag", "\"v2\""}}},
      {.status = 206,
       .headers = {{"x-amz-request-id", "RID7"}, {"Content-Range", "bytes 0-4/9"}},
       .body = "hello, and more"},
  };
  for (const FakeAnswer& answer : bad) {
    transport.answers = {answer, answer, answer};
    const auto result = get();
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message().find("[request RID7]"), std::string::npos)
        << result.error().to_string();
  }
  transport.answers = {{.status = 206, .headers = Headers(kGood.headers), .body = "he"}};
  const auto cut = get();
  ASSERT_FALSE(cut) << "nothing follows";
  EXPECT_NE(cut.error().message().find("dir/k"), std::string::npos) << cut.error().to_string();
}

TEST_F(ActivityTest, the_log_at_debug_has_each_request_and_no_secret) {
  const LogLevel before = log_level();
  set_log_level(LogLevel::debug);
  testing::internal::CaptureStderr();
  transport.answers = {{.status = 500}, kGood};
  ASSERT_TRUE(get());
  const std::string text = testing::internal::GetCapturedStderr();
  set_log_level(before);
  EXPECT_NE(text.find("debug request op=get bucket=s3://bucket key=dir/k offset=0 "
                      "received_bytes=5 sent_bytes=0 status=206 request_id=RID7 duration_ms="),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("status=500"), std::string::npos) << text;
  EXPECT_NE(text.find("attempt=2"), std::string::npos) << text;
  for (const char* secret : {"SECRETKEY", "SESSIONTOKEN", "Signature", "AKIDVISIBLE"})
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  testing::internal::CaptureStderr();
  transport.answers = {kGood};
  ASSERT_TRUE(get());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "nothing at info";
}

}  // namespace
}  // namespace shoal::store
