// SPDX-License-Identifier: Apache-2.0
// Goal: every exchange ends exactly once, with the response or with an error that says what to do.
// Method: each transport on a real loop against a scripted server on loopback, the same cases for
// all.
#include "http/transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/limits.h"
#include "http/curl_transport.h"
#include "http/default_transport.h"
#include "http/ring_transport.h"
#include "scripted_server.h"
#include "sys/file.h"

namespace shoal::http {
namespace {

using namespace std::chrono_literals;
using testing::ok;
using testing::ScriptedServer;
using After = ScriptedServer::After;
using Answer = ScriptedServer::Answer;

struct Collector final : ResponseSink {
  Result<void> on_head(const ResponseHead& response) override {
    ++heads;
    head = response;
    if (refuse_head) return fail(ErrorCode::precondition, "the sink refuses");
    return {};
  }
  Result<void> on_body(ByteSpan bytes) override {
    body += as_text(bytes);
    if (during_body) during_body();
    return {};
  }
  ResponseHead head;
  std::string body;
  int heads = 0;
  bool refuse_head = false;
  std::function<void()> during_body;
};

// Long enough for the slow servers below, short enough for a test.
constexpr Patience kPatience{.stall = 1s, .answer = 20s};

// Takes one request of `bytes` slowly, spread over `time` with a pause every 100 ms, and answers.
class SlowReader {
 public:
  SlowReader(std::size_t bytes, Duration time) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int small = 64 << 10;  // or the kernel takes it all at once
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this, bytes, time] { serve(bytes, time); });
  }
  ~SlowReader() {
    stop_.set_value();
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/slow";
  }

 private:
  void serve(std::size_t bytes, Duration time) const {
    const int fd = ::accept(listener_, nullptr, nullptr);
    std::string head;
    for (char c = 0; !head.ends_with("\r\n\r\n") && ::recv(fd, &c, 1, 0) == 1;) head += c;
    std::vector<char> buffer(bytes * 100ms / time);
    std::size_t got = 0;
    while (got < bytes) {
      const auto piece =
          ::recv(fd, buffer.data(), std::min(buffer.size(), bytes - got), MSG_WAITALL);
      if (piece <= 0) break;
      got += static_cast<std::size_t>(piece);
      std::ignore = stopped_.wait_for(100ms);
    }
    const std::string answer = ok("");
    EXPECT_EQ(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer.size()));
    ::close(fd);
  }
  std::promise<void> stop_;
  std::future<void> stopped_ = stop_.get_future();
  int listener_ = -1;
  int port_ = 0;
  std::jthread thread_;
};

using Make = Result<std::unique_ptr<Transport>> (*)(sys::Loop&, const TransportOptions&);
struct Kind {
  const char* name;
  Make make;
};
void PrintTo(const Kind& kind, std::ostream* out) {
  *out << kind.name;
}

Result<std::unique_ptr<Transport>> make_curl(sys::Loop& loop, const TransportOptions& options) {
  return make_curl_transport(loop, {.connections_max = options.connections_max,
                                    .user_agent = options.user_agent,
                                    .ca_bundle = options.ca_bundle,
                                    .counters = options.counters,
                                    .patience = kPatience});
}
Result<std::unique_ptr<Transport>> make_ring(sys::Loop& loop, const TransportOptions& options) {
  return make_ring_transport(loop, {.connections_max = options.connections_max,
                                    .user_agent = options.user_agent,
                                    .counters = options.counters,
                                    .patience = kPatience});
}

class TransportConformance : public ::testing::TestWithParam<Kind> {
 protected:
  TransportConformance() : loop_(std::move(*sys::Loop::create({}))) { restart({}); }

  void restart(TransportOptions options) {
    transport_.reset();
    options.counters = &counters_;
    auto transport = GetParam().make(*loop_, options);
    EXPECT_TRUE(transport);
    transport_ = std::move(*transport);
  }
  [[nodiscard]] bool speaks_tls() const { return std::string_view(GetParam().name) != "ring"; }

  // Runs one exchange to its end.
  Result<void> run(const Request& request, ResponseSink& sink) {
    int calls = 0;
    Result<void> outcome;
    transport_->start(request, sink, [&](Result<void> result) {
      outcome = std::move(result);
      ++calls;
    });
    EXPECT_EQ(calls, 0);
    loop_->run_until([&] { return calls > 0; });
    EXPECT_EQ(calls, 1);
    return outcome;
  }

  Error error_of(const Request& request) {
    Collector sink;
    auto outcome = run(request, sink);
    EXPECT_FALSE(outcome);
    return outcome ? Error(ErrorCode::bug, "no error") : outcome.error();
  }

  TransportCounters counters_;
  std::unique_ptr<sys::Loop> loop_;
  std::unique_ptr<Transport> transport_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_P(TransportConformance, status_headers_and_body_arrive_as_sent) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{
        "HTTP/1.1 206 Partial\r\nETag:  \"a\" \r\nX-Empty:\r\nContent-Length: 5\r\n\r\nhello"};
  });
  Collector sink;
  ASSERT_TRUE(run({.url = server.url("/k")}, sink));
  EXPECT_EQ(sink.heads, 1);
  EXPECT_EQ(sink.head.status, 206);
  EXPECT_EQ(sink.head.header("etag"), "\"a\"");
  EXPECT_EQ(sink.head.header("x-empty"), "");
  EXPECT_EQ(sink.head.header("absent"), "");
  EXPECT_EQ(sink.head.headers.size(), 3u);
  EXPECT_EQ(sink.body, "hello");
}

TEST_P(TransportConformance, the_request_is_sent_as_it_is_and_nothing_is_added) {
  ScriptedServer server([](const std::string&, const std::string&) { return Answer{ok("")}; });
  restart({.user_agent = "shoal-test"});
  Collector sink;
  Request request{.url = server.url("/a/../b/./%2F//c?x=1&y")};
  request.headers = {{"If-Match", "\"e\""}, {"X-Empty", ""}};
  ASSERT_TRUE(run(request, sink));
  const std::string head = server.heads().at(0);
  EXPECT_TRUE(head.starts_with("GET /a/../b/./%2F//c?x=1&y HTTP/1.1\r\n")) << head;
  EXPECT_TRUE(has(head, "\r\nIf-Match: \"e\"\r\n")) << head;
  EXPECT_TRUE(has(head, "\r\nX-Empty:\r\n")) << head;
  EXPECT_TRUE(has(head, "\r\nUser-Agent: shoal-test\r\n")) << head;
  EXPECT_EQ(std::count(head.begin(), head.end(), '\n'), 5) << head;  // with Host: nothing else
}

TEST_P(TransportConformance, each_method_sends_its_line_and_body_on_one_reused_connection) {
  ScriptedServer server([](const std::string& head, const std::string& body) {
    if (head.starts_with("HEAD")) return Answer{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"};
    return Answer{ok(head.substr(0, head.find(' ')) + ":" + body)};
  });
  const std::string binary("a\0b", 3);
  const auto body_of = [&](Method method, std::string_view body) {
    Collector sink;
    EXPECT_TRUE(run({.method = method, .url = server.url("/k"), .body = as_bytes(body)}, sink));
    return sink.body;
  };
  EXPECT_EQ(body_of(Method::put, binary), "PUT:" + binary);
  EXPECT_EQ(body_of(Method::get, ""), "GET:");
  EXPECT_EQ(body_of(Method::head, ""), "");
  EXPECT_EQ(body_of(Method::post, "x"), "POST:x");
  EXPECT_EQ(body_of(Method::del, ""), "DELETE:");
  EXPECT_EQ(body_of(Method::put, ""), "PUT:");
  EXPECT_EQ(body_of(Method::get, ""), "GET:");
  EXPECT_EQ(server.connections(), 1u);
  const auto heads = server.heads();
  EXPECT_TRUE(has(heads.at(5), "Content-Length: 0")) << heads.at(5);
  for (const std::string& head : heads)
    for (const char* unwanted : {"Expect", "Content-Type", "Accept"})
      EXPECT_FALSE(has(head, unwanted)) << head;
}

TEST_P(TransportConformance, a_large_upload_is_sent_without_waiting_for_100_continue) {
  ScriptedServer server([](const std::string&, const std::string& body) {
    return Answer{ok(std::to_string(body.size()))};
  });
  const std::string body(8 << 20, 'x');
  Collector sink;
  ASSERT_TRUE(run({.method = Method::put, .url = server.url("/k"), .body = as_bytes(body)}, sink));
  EXPECT_EQ(sink.body, std::to_string(body.size()));
}

TEST_P(TransportConformance, interim_responses_redirects_and_trailers_do_not_confuse_the_head) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        "HTTP/1.1 301 Moved\r\nLocation: /other\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"};
  });
  Collector sink;
  ASSERT_TRUE(run({.url = server.url("/k")}, sink));
  EXPECT_EQ(sink.heads, 1);
  EXPECT_EQ(sink.head.status, 301);
  EXPECT_EQ(sink.head.header("link"), "");
  EXPECT_EQ(sink.head.header("location"), "/other");
  EXPECT_EQ(sink.body, "abc");
  EXPECT_EQ(server.requests(), 1u);
}

TEST_P(TransportConformance, ten_thousand_small_gets_share_a_few_connections) {
  ScriptedServer server([](const std::string& head, const std::string&) {
    return Answer{ok(head.substr(5, head.find(' ', 5) - 5))};
  });
  restart({.connections_max = 8});
  constexpr std::size_t kExchanges = 10000;
  std::vector<Collector> sinks(kExchanges);
  std::size_t next = 0;
  std::size_t done = 0;
  std::size_t errors = 0;
  const std::function<void()> start_one = [&] {  // from inside `done`, 64 at a time
    if (next == kExchanges) return;
    const std::size_t i = next++;
    transport_->start({.url = server.url("/" + std::to_string(i))}, sinks[i], [&](Result<void> r) {
      if (!r) ++errors;
      ++done;
      start_one();
    });
  };
  for (int i = 0; i < 64; ++i) start_one();
  loop_->run_until([&] { return done == kExchanges; });
  EXPECT_EQ(errors, 0u);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < kExchanges; ++i)
    if (sinks[i].body != std::to_string(i)) ++wrong;
  EXPECT_EQ(wrong, 0u);
  EXPECT_LE(server.connections(), 8u);
  EXPECT_EQ(counters_.requests, kExchanges);
  EXPECT_EQ(counters_.connections_opened, server.connections());
}

TEST_P(TransportConformance, a_body_shorter_than_announced_is_unavailable_and_may_be_tried_again) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", After::close};
  });
  const Error error = error_of({.url = server.url("/key?X-Amz-Signature=secret")});
  EXPECT_EQ(error.code(), ErrorCode::unavailable);
  EXPECT_EQ(error.retry(), Retry::yes);
  EXPECT_TRUE(has(error.message(), server.url("/key"))) << error.message();
  EXPECT_FALSE(has(error.message(), "secret")) << error.message();
}

TEST_P(TransportConformance, a_chunked_body_cut_short_is_unavailable) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", After::close};
  });
  EXPECT_EQ(error_of({.url = server.url("/k")}).code(), ErrorCode::unavailable);
}

TEST_P(TransportConformance, a_reset_is_unavailable_and_a_put_may_have_had_its_effect) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"", After::reset};
  });
  const Error get = error_of({.url = server.url("/k")});
  EXPECT_EQ(get.code(), ErrorCode::unavailable);
  EXPECT_EQ(get.retry(), Retry::yes);
  const Error put =
      error_of({.method = Method::put, .url = server.url("/k"), .body = as_bytes("x")});
  EXPECT_EQ(put.code(), ErrorCode::unavailable);
  EXPECT_EQ(put.retry(), Retry::unknown_effect);
}

TEST_P(TransportConformance, a_silent_server_ends_at_the_deadline_as_timeout) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", After::hang};
  });
  const TimePoint start = loop_->clock().now();
  const Error error = error_of({.url = server.url("/k"), .deadline = 50ms});
  EXPECT_EQ(error.code(), ErrorCode::timeout);
  EXPECT_EQ(error.retry(), Retry::yes);
  EXPECT_GE(loop_->clock().now() - start, 50ms);
  EXPECT_LT(loop_->clock().now() - start, limits::kStallTimeout);  // not ended by the stall timer
}

TEST_P(TransportConformance, a_deadline_also_covers_waiting_for_a_connection) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"", After::hang};
  });
  restart({.connections_max = 1});
  Collector first_sink;
  Collector second_sink;
  bool first_done = false;
  const auto first = transport_->start({.url = server.url("/1")}, first_sink,
                                       [&](Result<void>) { first_done = true; });
  const auto outcome = run({.url = server.url("/2"), .deadline = 30ms}, second_sink);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::timeout);
  EXPECT_EQ(outcome.error().retry(), Retry::yes);
  EXPECT_FALSE(first_done);
  transport_->cancel(first);
  loop_->run_until([&] { return first_done; });
}

TEST_P(TransportConformance, a_server_may_take_long_to_store_a_body_and_not_to_answer_a_get) {
  std::promise<void> stop;
  const std::shared_future<void> stopped = stop.get_future().share();
  ScriptedServer server([&](const std::string& head, const std::string&) {
    stopped.wait_for(head.starts_with("PUT") ? 2s : 30s);
    return Answer{ok("stored")};
  });
  const std::string body(3 << 20, 'x');
  for (const std::size_t bytes : {body.size(), std::size_t{100}}) {
    Collector sink;
    const auto outcome = run({.method = Method::put,
                              .url = server.url("/slow-disk"),
                              .body = as_bytes(body).first(bytes)},
                             sink);
    EXPECT_TRUE(outcome) << outcome.error().to_string();
    EXPECT_EQ(sink.body, "stored");
  }
  // The chosen one's patience with a GET is the usual, too long for a test.
  if (std::string_view(GetParam().name) != "chosen") {
    const Error error = error_of({.url = server.url("/silent")});
    EXPECT_EQ(error.code(), ErrorCode::timeout) << error.to_string();
  }
  stop.set_value();
}

TEST_P(TransportConformance, a_slow_reader_of_an_upload_is_alive) {
  SlowReader server(std::size_t{6} << 20, 3s);
  const std::string body(std::size_t{6} << 20, 'x');
  Collector sink;
  const auto outcome =
      run({.method = Method::put, .url = server.url(), .body = as_bytes(body)}, sink);
  EXPECT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(sink.head.status, 200);
}

TEST_P(TransportConformance, cancel_ends_queued_and_running_exchanges_later_with_canceled) {
  ScriptedServer server([this](const std::string& head, const std::string&) {
    loop_->post([] {});  // wakes run_until, which watches the number of requests
    if (head.starts_with("GET /slow")) return Answer{"", After::hang};
    return Answer{ok("fast")};
  });
  restart({.connections_max = 1});
  Collector sinks[3];
  std::vector<std::string> log;
  const auto record = [&](const char* name) {
    return [&log, name](Result<void> r) {
      log.push_back(name + std::string(r ? " ok" : " ") +
                    std::string(r ? "" : name_of(r.error().code())));
    };
  };
  const auto slow = transport_->start({.url = server.url("/slow")}, sinks[0], record("slow"));
  const auto queued = transport_->start({.url = server.url("/queued")}, sinks[1], record("queued"));
  loop_->run_until([&] { return server.requests() == 1; });
  transport_->start({.url = server.url("/fast")}, sinks[2], record("fast"));
  transport_->cancel(queued);
  transport_->cancel(slow);
  transport_->cancel(slow);
  transport_->cancel(ExchangeId{12345});
  EXPECT_TRUE(log.empty());
  loop_->run_until([&] { return log.size() == 3; });
  EXPECT_EQ(log, (std::vector<std::string>{"queued canceled", "slow canceled", "fast ok"}));
  EXPECT_EQ(sinks[2].body, "fast");
}

TEST_P(TransportConformance, a_sink_may_cancel_its_own_exchange_and_start_another) {
  ScriptedServer server([](const std::string&, const std::string&) { return Answer{ok("body")}; });
  Collector sink;
  Collector second;
  ExchangeId id;
  int done = 0;
  sink.during_body = [&] {
    transport_->start({.url = server.url("/2")}, second, [&](Result<void> r) {
      EXPECT_TRUE(r);
      ++done;
    });
    transport_->cancel(id);
  };
  ErrorCode code = ErrorCode::bug;
  id = transport_->start({.url = server.url("/1")}, sink, [&](Result<void> r) {
    code = r ? ErrorCode::bug : r.error().code();
    ++done;
  });
  loop_->run_until([&] { return done == 2; });
  EXPECT_EQ(code, ErrorCode::canceled);
  EXPECT_EQ(second.body, "body");
}

TEST_P(TransportConformance, an_error_of_the_sink_is_the_outcome) {
  ScriptedServer server([](const std::string&, const std::string&) { return Answer{ok("body")}; });
  Collector sink;
  sink.refuse_head = true;
  const auto outcome = run({.url = server.url("/k")}, sink);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::precondition);
  EXPECT_EQ(outcome.error().message(), "the sink refuses");
  EXPECT_EQ(sink.body, "");
  Collector clean;  // the handle carries nothing over
  EXPECT_TRUE(run({.url = server.url("/k")}, clean));
}

TEST_P(TransportConformance, a_refused_connection_is_unavailable_with_advice) {
  std::string url;
  {
    const ScriptedServer closed([](const std::string&, const std::string&) { return Answer{}; });
    url = closed.url("/k");
  }
  const Error error = error_of({.method = Method::put, .url = url, .body = as_bytes("x")});
  EXPECT_EQ(error.code(), ErrorCode::unavailable);
  EXPECT_EQ(error.retry(), Retry::yes);  // nothing was sent, so not even a put had an effect
  EXPECT_TRUE(has(error.message(), url)) << error.message();
  EXPECT_FALSE(error.remedy().empty());
}

TEST_P(TransportConformance, an_unknown_host_is_unavailable_and_named) {
  const Error error = error_of({.url = "http://no-such-host.invalid/k"});
  EXPECT_EQ(error.code(), ErrorCode::unavailable);
  EXPECT_TRUE(has(error.message(), "no-such-host.invalid")) << error.message();
}

TEST_P(TransportConformance, a_peer_that_does_not_speak_http_is_reported_and_not_retried) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"SSH-2.0-OpenSSH_9.2\r\n", After::close};
  });
  const Error error = error_of({.url = server.url("/k")});
  EXPECT_EQ(error.code(), ErrorCode::unavailable);
  EXPECT_EQ(error.retry(), Retry::no);
  EXPECT_TRUE(has(error.remedy(), "HTTP/1.1")) << error.to_string();
}

TEST_P(TransportConformance, tls_to_a_plain_port_is_reported_and_not_retried) {
  if (!speaks_tls()) {
    const Error refused = error_of({.url = "https://127.0.0.1:1/k"});
    EXPECT_EQ(refused.code(), ErrorCode::unsupported);
    return;
  }
  // The server reads until an empty line; a TLS hello has none, so this one answers at once.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::thread peer([listener] {
    const sys::Fd fd(accept(listener, nullptr, nullptr));
    EXPECT_EQ(send(fd.get(), "HTTP/1.1 400 Bad\r\n\r\n", 20, MSG_NOSIGNAL), 20);
    char buffer[4096];
    while (recv(fd.get(), buffer, sizeof buffer, 0) > 0) {
    }
  });
  const Error error =
      error_of({.url = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/k"});
  peer.join();
  close(listener);
  EXPECT_EQ(error.code(), ErrorCode::unavailable);
  EXPECT_EQ(error.retry(), Retry::no);
  EXPECT_TRUE(has(error.remedy(), "http://")) << error.to_string();
}

TEST_P(TransportConformance, a_header_with_a_line_end_and_a_bad_url_are_bad_input) {
  Request request{.url = "http://127.0.0.1:1/k"};
  request.headers = {{"X", "a\r\nHost: evil"}};
  EXPECT_EQ(error_of(request).code(), ErrorCode::bad_input);
  EXPECT_EQ(error_of({.url = "http://[bad/k"}).code(), ErrorCode::bad_input);
}

TEST_P(TransportConformance, a_kept_connection_the_server_closed_is_replaced_silently) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{ok("x"), After::close};  // without saying Connection: close
  });
  const std::function<void()> wake = [&] { loop_->after(100us, wake); };  // looks at the counter
  wake();
  for (std::uint64_t i = 1; i <= 20; ++i) {
    Collector sink;
    const auto outcome =
        run({.method = Method::put, .url = server.url("/k"), .body = as_bytes("b")}, sink);
    EXPECT_TRUE(outcome) << outcome.error().to_string();
    // A request that crosses the close on the wire does fail; the next one starts after it.
    loop_->run_until([&] { return server.closed_connections() == i; });
  }
}

TEST_P(TransportConformance, destroying_the_transport_ends_exchanges_with_canceled_on_the_loop) {
  ScriptedServer server([this](const std::string&, const std::string&) {
    loop_->post([] {});  // wakes run_until, which watches the number of requests
    return Answer{"", After::hang};
  });
  restart({.connections_max = 1});
  Collector sinks[2];
  int canceled = 0;
  for (Collector& sink : sinks)
    transport_->start({.url = server.url("/k")}, sink, [&](Result<void> r) {
      if (!r && r.error().code() == ErrorCode::canceled) ++canceled;
    });
  loop_->run_until([&] { return server.requests() == 1; });
  transport_.reset();
  EXPECT_EQ(canceled, 0);
  loop_->run_until([&] { return canceled == 2; });
}

TEST_P(TransportConformance, a_cancelled_upload_keeps_its_body_until_done_has_run) {
  // A peer that reads the head and then nothing: the body fills the socket and stays.
  ScriptedServer server([](const std::string&, const std::string&) { return Answer{ok("")}; });
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  auto body = std::make_unique<std::string>(32 << 20, 'x');
  Collector sink;
  std::optional<Result<void>> outcome;
  const auto id = transport_->start(
      {.method = Method::put,
       .url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/k",
       .body = as_bytes(*body)},
      sink, [&](Result<void> result) {
        outcome = std::move(result);
        body.reset();  // a kernel that still reads from it shows under ASan
      });
  bool sent = false;
  loop_->after(50ms, [&] { sent = true; });
  loop_->run_until([&] { return sent; });
  transport_->cancel(id);
  EXPECT_FALSE(outcome);
  loop_->run_until([&] { return outcome.has_value(); });
  EXPECT_EQ(outcome->error().code(), ErrorCode::canceled);
  close(listener);
}

TEST_P(TransportConformance, a_cancelled_exchange_calls_its_sink_no_more) {
  const std::string body(4 << 20, 'x');
  ScriptedServer server([&](const std::string&, const std::string&) { return Answer{ok(body)}; });
  Collector sink;
  ExchangeId id;
  int pieces = 0;
  sink.during_body = [&] {
    ++pieces;
    transport_->cancel(id);
  };
  std::optional<Result<void>> outcome;
  id = transport_->start({.url = server.url("/k")}, sink,
                         [&](Result<void> result) { outcome = std::move(result); });
  loop_->run_until([&] { return outcome.has_value(); });
  EXPECT_EQ(pieces, 1);
  EXPECT_EQ(outcome->error().code(), ErrorCode::canceled);
  Collector clean;
  EXPECT_TRUE(run({.url = server.url("/k")}, clean));
  EXPECT_EQ(clean.body.size(), body.size());
}

TEST_P(TransportConformance, an_answer_that_says_close_is_the_connections_last) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"};
  });
  for (int i = 0; i < 3; ++i) {
    Collector sink;
    ASSERT_TRUE(run({.url = server.url("/k")}, sink));
    EXPECT_EQ(sink.body, "x");
  }
  EXPECT_EQ(server.connections(), 3u);
}

TEST_P(TransportConformance, a_body_without_a_length_ends_with_its_connection) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return Answer{"HTTP/1.1 200 OK\r\n\r\nall of it", After::close};
  });
  Collector sink;
  ASSERT_TRUE(run({.url = server.url("/k")}, sink));
  EXPECT_EQ(sink.body, "all of it");
}

TEST_P(TransportConformance, statuses_without_a_body_end_with_their_head) {
  ScriptedServer server([](const std::string& head, const std::string&) {
    const std::string status = head.substr(5, 3);
    return Answer{"HTTP/1.1 " + status + " x\r\nETag: \"e\"\r\n\r\n"};
  });
  for (const char* status : {"204", "304", "204"}) {
    Collector sink;
    ASSERT_TRUE(run({.url = server.url(std::string("/") + status)}, sink)) << status;
    EXPECT_EQ(sink.head.status, std::stoi(status));
    EXPECT_EQ(sink.body, "");
  }
  EXPECT_EQ(server.connections(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Transports, TransportConformance,
                         ::testing::Values(Kind{"curl", make_curl}, Kind{"ring", make_ring},
                                           Kind{"chosen", make_transport}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace shoal::http
