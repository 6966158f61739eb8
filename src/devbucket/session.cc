// SPDX-License-Identifier: Apache-2.0
#include "devbucket/session.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <charconv>

#include "devbucket/dates.h"

namespace shoal::devbucket {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::size_t kBufferBytesMax = 256u << 10;
constexpr std::size_t kBodyReadBytes = 128u << 10;     // of a socket at once
constexpr std::uint64_t kBlockBytes = 256u << 10;      // of a body per write
constexpr std::uint64_t kDiscardBytesMax = 64u << 20;  // of a refused body before hanging up
constexpr auto kRelaxed = std::memory_order_relaxed;

void append_number(std::string& text, std::uint64_t value) {
  std::array<char, 20> digits{};
  text.append(digits.data(),
              std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

// The Date header line; formatted once a second per thread.
const std::string& date_line(std::int64_t now_seconds) {
  thread_local std::int64_t second = -1;
  thread_local std::string line;
  if (now_seconds != second) {
    second = now_seconds;
    line = "Date: ";
    append_http_date(line, second);
    line += "\r\n";
  }
  return line;
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, Loop& loop, asio::thread_pool& workers,
                 Service& service)
    : socket_(std::move(socket)),
      timer_(loop.context),
      loop_(loop),
      workers_(workers),
      service_(service),
      buffer_(kBufferBytesMax),
      waiting_since_(system_clock().now()) {
  loop_.sessions.insert(this);
}

Session::~Session() {
  if (is_counted_) service_.counters().end(exchange_.kind);
  loop_.sessions.erase(this);
}

void Session::close_if_idle(TimePoint oldest) {
  if (is_waiting_ && waiting_since_ < oldest) close();
}

void Session::read_header() {
  exchange_.clear();
  parser_.emplace(exchange_);
  is_waiting_ = true;
  waiting_since_ = system_clock().now();
  http::async_read_header(socket_, buffer_, *parser_,
                          [self = shared_from_this()](const error_code& error, std::size_t) {
                            self->on_header(error);
                          });
}

void Session::on_header(const error_code& error) {
  if (error) {
    if (error.category() != make_error_code(http::error::end_of_stream).category() ||
        error == http::error::end_of_stream || error == http::error::partial_message)
      return close();
    exchange_.response =
        error_response({400, "BadRequest", "The request is not HTTP: " + error.message(), {}, {}},
                       exchange_.request, "-");
    keeps_alive_ = false;
    return respond();
  }
  keeps_alive_ = parser_->keep_alive();
  service_.begin(exchange_);
  is_counted_ = exchange_.request.operation != Operation::stats &&
                exchange_.request.operation != Operation::reset_stats;
  if (parser_->is_done()) return on_request();
  const std::string_view expected = exchange_.request.headers.find("expect");
  const bool is_asking = boost::beast::iequals({expected.data(), expected.size()}, "100-continue");
  if (!is_asking) return read_body();
  if (!exchange_.response) return send_continue();
  keeps_alive_ = false;  // the client may or may not send the body it was not asked for
  on_request();
}

void Session::send_continue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (error) return self->close();
                      self->read_body();
                    });
}

void Session::read_body() {
  // Beast reads as much as there is room for, 512 bytes without any.
  buffer_.reserve(std::max(buffer_.size(), kBodyReadBytes));
  waiting_since_ = system_clock().now();
  http::async_read_some(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](const error_code& error, std::size_t) {
        if (error) return self->close();
        if (self->parser_->is_done()) return self->on_request();
        if (self->exchange_.response && self->parser_->body_bytes() > kDiscardBytesMax)
          return self->close();
        self->read_body();
      });
}

void Session::on_request() {
  is_waiting_ = false;
  if (is_counted_)
    service_.counters().of(exchange_.kind).bytes_in.fetch_add(parser_->body_bytes(), kRelaxed);
  if (exchange_.fault.latency.count() == 0) return carry_out();
  timer_.expires_after(exchange_.fault.latency);
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (!error) self->carry_out();
  });
}

void Session::carry_out() {
  if (exchange_.response) return respond();
  if (!Service::is_slow(exchange_)) {
    service_.finish(exchange_);
    return respond();
  }
  asio::post(workers_, [self = shared_from_this()]() mutable {
    self->service_.finish(self->exchange_);
    auto& context = self->loop_.context;
    asio::post(context, [back = std::move(self)] { back->respond(); });
  });
}

void Session::respond() {
  const FaultAction fault = exchange_.fault.action;
  const Response& response = *exchange_.response;
  if (fault == FaultAction::reset) return reset_connection();
  body_length_ = response.bytes.is_none() ? response.body.size() : response.bytes_length;
  compose_head(response, body_length_);
  body_sent_ = 0;
  body_end_ = body_length_;
  if (exchange_.request.method == "HEAD" || response.status == 304 || response.status == 204) {
    body_end_ = 0;
  } else if (fault == FaultAction::truncate && body_length_ > 0) {
    body_end_ = body_length_ / 2;
    keeps_alive_ = false;
    service_.counters().inject(exchange_.kind, fault);
  }
  write_first();
}

void Session::compose_head(const Response& response, std::uint64_t length) {
  const bool is_oss = exchange_.request.dialect == Dialect::oss;
  head_.clear();
  head_ += "HTTP/1.1 ";
  append_number(head_, static_cast<std::uint64_t>(response.status));
  head_ += ' ';
  head_ += reason_of(response.status);
  head_ += "\r\n";
  head_ += date_line(service_.now_seconds());
  head_ += is_oss ? "Server: shoal-devbucket\r\nx-oss-request-id: "
                  : "Server: shoal-devbucket\r\nx-amz-request-id: ";
  head_ += exchange_.request_id;
  head_ += "\r\n";
  head_ += response.headers;
  if (response.status != 304 && response.status != 204) {
    head_ += "Content-Length: ";
    append_number(head_, length);
    head_ += "\r\n";
  }
  head_ += keeps_alive_ ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (response.status >= 400 && is_counted_)
    service_.counters().of(exchange_.kind).refused.fetch_add(1, kRelaxed);
}

bool Session::load_block(std::uint64_t offset) {
  const Response& response = *exchange_.response;
  const auto bytes = static_cast<std::size_t>(std::min(kBlockBytes, body_end_ - offset));
  bool is_read = true;
  // libstdc++ 12 may pass the function more room than was asked for.
  block_.resize_and_overwrite(bytes, [&](char* data, std::size_t) {
    if (response.bytes.is_none())
      std::copy_n(response.body.data() + offset, bytes, data);
    else
      is_read = response.bytes.read(response.bytes_offset + offset, {data, bytes}) ==
                static_cast<std::int64_t>(bytes);
    return bytes;
  });
  if (!is_read) return false;
  // Not the same bit every time: a client that asks again and gets the same may well believe it.
  const std::uint64_t wrong = exchange_.fault.place / 8 % std::max<std::uint64_t>(body_length_, 1);
  if (exchange_.fault.action == FaultAction::corrupt && wrong >= offset && wrong < offset + bytes) {
    char& byte = block_[static_cast<std::size_t>(wrong - offset)];
    byte = static_cast<char>(byte ^ (1 << (exchange_.fault.place % 8)));
    service_.counters().inject(exchange_.kind, FaultAction::corrupt);
  }
  return true;
}

void Session::write_first() {
  block_.clear();
  // The file shrank under us: the promised length cannot be kept, only an abort tells the client.
  if (body_end_ > 0 && !load_block(0)) return reset_connection();
  body_sent_ = block_.size();
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head_), asio::buffer(block_)};
  asio::async_write(socket_, buffers,
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      self->on_written(error);
                    });
}

void Session::write_more() {
  if (!load_block(body_sent_)) return reset_connection();
  body_sent_ += block_.size();
  asio::async_write(socket_, asio::buffer(block_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      self->on_written(error);
                    });
}

void Session::on_written(const error_code& error) {
  if (error) return close();
  if (body_sent_ < body_end_) return write_more();
  finish_request();
}

void Session::finish_request() {
  if (is_counted_) {
    service_.counters().of(exchange_.kind).bytes_out.fetch_add(body_sent_, kRelaxed);
    service_.counters().end(exchange_.kind);
    is_counted_ = false;
  }
  if (keeps_alive_) return read_header();
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  close();
}

void Session::close() {
  error_code ignored;
  timer_.cancel();
  socket_.close(ignored);
}

void Session::reset_connection() {
  if (exchange_.fault.action == FaultAction::reset)
    service_.counters().inject(exchange_.kind, FaultAction::reset);
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

}  // namespace shoal::devbucket
