// SPDX-License-Identifier: Apache-2.0
// Goal: the ring transport spreads its connections, avoids machines that fail, and repeats by
// itself only what it may. Method: a resolver that answers what the test says, and servers on
// several loopback addresses.
#include "http/ring_transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>

#include "http/address_book.h"
#include "http/url.h"
#include "scripted_server.h"

namespace shoal::http {
namespace {

using namespace std::chrono_literals;
using testing::ok;
using testing::ScriptedServer;
using After = ScriptedServer::After;
using Answer = ScriptedServer::Answer;

struct NullSink final : ResponseSink {
  Result<void> on_head(const ResponseHead&) override { return {}; }
  Result<void> on_body(ByteSpan bytes) override {
    body += as_text(bytes);
    return {};
  }
  std::string body;
};

class FakeResolver final : public Resolver {
 public:
  explicit FakeResolver(Executor& executor) : executor_(executor) {}
  void resolve(const std::string& host, std::uint16_t, Done done) override {
    asked.push_back(host);
    executor_.post([this, done = std::move(done)]() mutable {
      if (!silent) return done(answer);
      kept.push_back(std::move(done));
    });
  }
  std::vector<std::string> asked;
  Result<std::vector<Address>> answer;
  bool silent = false;
  std::deque<Done> kept;

 private:
  Executor& executor_;
};

Address address_of(const std::string& host, std::uint16_t port) {
  return *parse_address(host, port);
}

class RingTransportTest : public ::testing::Test {
 protected:
  RingTransportTest() : loop_(std::move(*sys::Loop::create({}))), resolver_(*loop_) {
    restart(256);
  }
  void restart(std::uint32_t connections_max) {
    transport_ = make_ring_transport(
        *loop_,
        {.connections_max = connections_max, .resolver = &resolver_, .counters = &counters_});
  }
  Result<void> run(const Request& request) {
    NullSink sink;
    std::optional<Result<void>> outcome;
    transport_->start(request, sink, [&](Result<void> result) { outcome = std::move(result); });
    loop_->run_until([&] { return outcome.has_value(); });
    return std::move(*outcome);
  }

  std::unique_ptr<sys::Loop> loop_;
  FakeResolver resolver_;
  TransportCounters counters_;
  std::unique_ptr<Transport> transport_;
};

std::uint16_t port_of(const ScriptedServer& server) {
  return parse_url(server.url("/"))->port;
}

TEST_F(RingTransportTest, connections_are_spread_over_all_addresses_of_a_name) {
  const auto script = [](const std::string&, const std::string&) { return Answer{ok("x")}; };
  ScriptedServer first(script);
  ScriptedServer second(script);
  ScriptedServer third(script);
  resolver_.answer = std::vector<Address>{address_of("127.0.0.1", port_of(first)),
                                          address_of("127.0.0.1", port_of(second)),
                                          address_of("127.0.0.1", port_of(third))};
  std::vector<NullSink> sinks(30);
  std::size_t ended = 0;
  for (NullSink& sink : sinks)
    transport_->start({.url = "http://bucket.test:1/k"}, sink, [&](Result<void> result) {
      EXPECT_TRUE(result);
      ++ended;
    });
  loop_->run_until([&] { return ended == sinks.size(); });
  for (const ScriptedServer* server : {&first, &second, &third})
    EXPECT_EQ(server->connections(), 10u);
  EXPECT_EQ(resolver_.asked, std::vector<std::string>{"bucket.test"});
}

TEST_F(RingTransportTest, an_address_that_refuses_is_passed_over_and_nobody_notices) {
  std::uint16_t closed_port = 0;
  {
    const ScriptedServer closed([](const std::string&, const std::string&) { return Answer{}; });
    closed_port = port_of(closed);
  }
  ScriptedServer server([](const std::string&, const std::string&) { return Answer{ok("x")}; });
  resolver_.answer = std::vector<Address>{address_of("127.0.0.1", closed_port),
                                          address_of("127.0.0.1", port_of(server))};
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(run({.method = Method::put, .url = "http://bucket.test/k", .body = as_bytes("b")}));
  EXPECT_EQ(server.requests(), 10u);
  EXPECT_EQ(server.connections(), 1u);
}

TEST_F(RingTransportTest, a_name_that_cannot_be_resolved_is_unavailable) {
  resolver_.answer = fail(Error(ErrorCode::unavailable, "cannot resolve x").with_retry(Retry::yes));
  const auto outcome = run({.url = "http://bucket.test/k"});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::unavailable);
  EXPECT_NE(outcome.error().message().find("bucket.test"), std::string::npos);
}

TEST_F(RingTransportTest, a_silent_resolver_is_waited_for_until_the_deadline_only) {
  resolver_.silent = true;
  const auto outcome = run({.url = "http://bucket.test/k", .deadline = 30ms});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::timeout);
  // Its answer comes when nobody waits any more.
  resolver_.kept.front()(std::vector<Address>{address_of("127.0.0.1", 1)});
  NullSink sink;
  bool ended = false;
  const auto id =
      transport_->start({.url = "http://other.test/k"}, sink, [&](Result<void>) { ended = true; });
  transport_->cancel(id);
  loop_->run_until([&] { return ended; });
}

TEST_F(RingTransportTest, a_get_on_a_kept_connection_that_closes_unanswered_is_sent_again_once) {
  std::atomic<int> requests = 0;
  ScriptedServer server([&](const std::string&, const std::string&) {
    // The second request on each connection is cut off.
    return ++requests % 2 == 0 ? Answer{"", After::reset} : Answer{ok("x")};
  });
  EXPECT_TRUE(run({.url = server.url("/k")}));
  EXPECT_TRUE(run({.url = server.url("/k")})) << "repeated on a new connection";
  EXPECT_EQ(counters_.repeated, 1u);
  EXPECT_EQ(server.connections(), 2u);
  const auto put = run({.method = Method::put, .url = server.url("/k"), .body = as_bytes("x")});
  ASSERT_FALSE(put) << "may have had its effect";
  EXPECT_EQ(put.error().retry(), Retry::unknown_effect);
  EXPECT_EQ(counters_.repeated, 1u);
}

TEST_F(RingTransportTest, a_new_connection_that_closes_unanswered_is_an_error) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"", After::close};
  });
  const auto outcome = run({.url = server.url("/k")});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::unavailable);
  EXPECT_EQ(server.requests(), 1u);
}

TEST_F(RingTransportTest, two_hosts_share_the_connections) {
  const auto script = [](const std::string&, const std::string&) { return Answer{ok("x")}; };
  ScriptedServer first(script);
  ScriptedServer second(script);
  restart(1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(run({.url = first.url("/k")}));
    EXPECT_TRUE(run({.url = second.url("/k")}));
  }
  std::vector<NullSink> sinks(20);
  std::size_t ended = 0;
  for (std::size_t i = 0; i < sinks.size(); ++i)
    transport_->start({.url = (i % 2 == 0 ? first : second).url("/k")}, sinks[i],
                      [&](Result<void> result) {
                        EXPECT_TRUE(result);
                        ++ended;
                      });
  loop_->run_until([&] { return ended == sinks.size(); });
}

TEST_F(RingTransportTest, bytes_behind_an_answer_end_the_connection_not_the_next_exchange) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{ok("x") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"};
  });
  for (int i = 0; i < 5; ++i) {
    NullSink sink;
    bool ended = false;
    transport_->start({.url = server.url("/k")}, sink, [&](Result<void> result) {
      EXPECT_TRUE(result);
      ended = true;
    });
    loop_->run_until([&] { return ended; });
    EXPECT_EQ(sink.body, "x");
  }
  EXPECT_EQ(server.connections(), 5u);
}

// ---- names, addresses, URLs

struct ManualClock final : Clock {
  [[nodiscard]] TimePoint now() const override { return time; }
  [[nodiscard]] WallTime wall_now() const override { return {}; }
  TimePoint time{1h};
};
struct QueueExecutor final : Executor {
  void post(Task task) override { tasks.push_back(std::move(task)); }
  void run() {
    while (!tasks.empty()) {
      Task task = std::move(tasks.front());
      tasks.pop_front();
      task();
    }
  }
  std::deque<Task> tasks;
};

TEST(AddressBook, names_are_looked_up_again_after_a_while_and_old_addresses_serve_meanwhile) {
  QueueExecutor executor;
  FakeResolver resolver(executor);
  ManualClock clock;
  const Address a = address_of("10.0.0.1", 80);
  const Address b = address_of("10.0.0.2", 80);
  resolver.answer = std::vector<Address>{a, a};
  AddressBook book("bucket.test", 80, resolver, clock);
  int ready = 0;
  const auto ask = [&] {
    book.when_ready([&](Result<void> result) {
      EXPECT_TRUE(result);
      ++ready;
    });
  };
  ask();
  ask();
  EXPECT_EQ(ready, 0);
  executor.run();
  EXPECT_EQ(ready, 2);
  EXPECT_EQ(book.size(), 1u);
  clock.time += 10s;
  ask();
  EXPECT_EQ(resolver.asked.size(), 1u);
  clock.time += 60s;
  resolver.answer = std::vector<Address>{b};
  ask();
  EXPECT_EQ(ready, 4) << "nobody waits for the second look";
  EXPECT_TRUE(book.contains(a));
  executor.run();
  EXPECT_EQ(resolver.asked.size(), 2u);
  EXPECT_FALSE(book.contains(a));
  EXPECT_EQ(book.next(), b);
  clock.time += 60s;
  resolver.answer = fail(ErrorCode::unavailable, "no name server");
  ask();
  executor.run();
  EXPECT_TRUE(book.contains(b)) << "an old address is better than none";
}

TEST(AddressBook, a_failed_address_is_left_out_for_a_while_unless_all_failed) {
  QueueExecutor executor;
  FakeResolver resolver(executor);
  ManualClock clock;
  const Address a = address_of("10.0.0.1", 80);
  const Address b = address_of("::1", 80);
  resolver.answer = std::vector<Address>{a, b};
  AddressBook book("bucket.test", 80, resolver, clock);
  book.when_ready([](Result<void>) {});
  executor.run();
  EXPECT_EQ(book.next(), a);
  EXPECT_EQ(book.next(), b);
  book.on_failure(a);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(book.next(), b);
  book.on_failure(b);
  EXPECT_FALSE(book.next() == book.next()) << "both are tried again";
  clock.time += 11s;
  EXPECT_FALSE(book.next() == book.next());
}

TEST(Resolver, localhost_is_found_and_nonsense_is_not) {
  auto loop = std::move(*sys::Loop::create({}));
  const auto resolver = make_system_resolver(*loop);
  std::optional<Result<std::vector<Address>>> good;
  std::optional<Result<std::vector<Address>>> bad;
  resolver->resolve("localhost", 80, [&](auto result) { good = std::move(result); });
  resolver->resolve("no-such-host.invalid", 80, [&](auto result) { bad = std::move(result); });
  loop->run_until([&] { return good && bad; });
  ASSERT_TRUE(*good) << good->error().to_string();
  EXPECT_NE((*good)->front().to_string().find(":80"), std::string::npos);
  ASSERT_FALSE(*bad);
  EXPECT_EQ(bad->error().code(), ErrorCode::unavailable);
}

TEST(Url, parts_are_told_apart_and_nonsense_is_refused) {
  const auto url = parse_url("http://[::1]:8080/a%20b?x=1#f");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->authority, "[::1]:8080");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->target, "/a%20b?x=1");
  EXPECT_EQ(parse_url("https://h")->target, "/");
  EXPECT_EQ(parse_url("https://h")->port, 443);
  for (const char* bad :
       {"", "ftp://h/", "http://", "http://h:0/", "http://h:x/", "http://h:99999/", "http://u@h/",
        "http://h/a b", "http://h/a\r\nX: y", "http://[::1/"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

}  // namespace
}  // namespace shoal::http
