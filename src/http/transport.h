// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"

namespace shoal::http {

enum class Method { get, head, put, post, del };
[[nodiscard]] std::string_view name_of(Method method) noexcept;  // "GET", ...

struct Header {
  std::string name;
  std::string value;
};

// One HTTP exchange, ready to send. The transport adds Host, User-Agent (both unless given here),
// Content-Length and Connection and nothing else: no Accept, no Accept-Encoding, no Content-Type,
// no Expect, no redirects followed, the path sent as it is.
struct Request {
  Method method = Method::get;
  std::string url = {};  // scheme://host[:port]/path?query, percent-encoded by the caller
  std::vector<Header> headers = {};
  // Sent as the body when the method is put or post. Borrowed: must live until `done` has run.
  ByteSpan body = {};
  Duration deadline{};  // whole exchange, from start(); zero: only the stall timeout applies
};

struct ResponseHead {
  int status = 0;
  std::vector<Header> headers;
  // Value of the first header of that name (case-insensitive), or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
};

// Receives one response. Calls come on the transport's executor in the order on_head (once),
// on_body (any number). Returning an error ends the exchange, and `done` gets that error.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual Result<void> on_head(const ResponseHead& head) = 0;
  virtual Result<void> on_body(ByteSpan bytes) = 0;
};

// "GET https://host:443/path", without user, query and fragment, the path cut to a readable length.
[[nodiscard]] std::string describe(Method method, std::string_view url);

// What transports have done, summed over those that share it. synchronized.
struct TransportCounters {
  std::atomic<std::uint64_t> requests{0};            // sent, repetitions included
  std::atomic<std::uint64_t> connections_opened{0};  // reused: requests - connections_opened, about
  std::atomic<std::uint64_t> repeated{0};  // sent again because a kept connection was closed
};

// How long a transport waits for signs of life. Bytes that arrive are one, and so are bytes of the
// request that the other side acknowledges.
struct Patience {
  Duration stall = limits::kStallTimeout;
  Duration answer = limits::kAnswerTimeout;  // for an answer's first byte, behind a body
};

struct ExchangeId {
  std::uint64_t value = 0;
};

// Speaks HTTP/1.1. confined to one executor. An HTTP status is not an error here: `done` gets an
// error only when no complete response came: unavailable (not reached, connection lost, body
// shorter than announced, certificate not trusted, not HTTP), timeout, canceled, bad_input (no URL,
// a header with a line end), or the sink's own error. Its text names the host, the path and the
// reason, never the query, which may hold a signature. Retry is yes when the exchange had no effect
// or the method may be repeated (get, head, del), unknown_effect for a put or post that may have
// arrived.
class Transport {
 public:
  using Done = std::move_only_function<void(Result<void>)>;
  virtual ~Transport() = default;
  // `sink` is borrowed and must live until `done` has run.
  virtual ExchangeId start(const Request& request, ResponseSink& sink, Done done) = 0;
  // Ends an exchange early: its sink is called no more and its `done` runs with
  // ErrorCode::canceled. Unknown ids are ignored. May be called from a sink.
  virtual void cancel(ExchangeId exchange) = 0;
};

}  // namespace shoal::http
