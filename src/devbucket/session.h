// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <optional>
#include <unordered_set>

#include "base/clock.h"
#include "devbucket/request_parser.h"
#include "devbucket/service.h"

namespace shoal::devbucket {

class Session;

// One thread with its connections. confined to that thread while it runs.
struct Loop {
  // Before the context: the sessions it still holds when it dies leave this set.
  std::unordered_set<Session*> sessions;
  boost::asio::io_context context{1};  // one thread: the hint leaves its locks out
};

// One connection: reads a request, waits as long as the faults say, has it answered, writes the
// answer, and goes on to the next request. One request at a time, so pipelined ones are answered in
// order. confined to its loop, but for Service::finish of slow operations, which runs on `workers`
// while nothing else touches the session.
class Session final : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::ip::tcp::socket socket, Loop& loop, boost::asio::thread_pool& workers,
          Service& service);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() { read_header(); }
  // Closes the connection if it has waited for the client since before `oldest`.
  void close_if_idle(TimePoint oldest);

 private:
  using error_code = boost::beast::error_code;

  void read_header();
  void on_header(const error_code& error);
  void send_continue();
  void read_body();
  void on_request();
  void carry_out();
  void respond();
  void compose_head(const Response& response, std::uint64_t length);
  // The bytes of the answer's body from `offset` on, in block_; false when they cannot be read.
  [[nodiscard]] bool load_block(std::uint64_t offset);
  void write_first();
  void write_more();
  void on_written(const error_code& error);
  void finish_request();
  void close();
  void reset_connection();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  Loop& loop_;
  boost::asio::thread_pool& workers_;
  Service& service_;

  boost::beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  Exchange exchange_;
  bool is_counted_ = false;  // begin() has counted the request in flight
  bool is_waiting_ = true;   // for the client
  TimePoint waiting_since_;

  std::string head_;
  std::string block_;
  std::uint64_t body_length_ = 0;  // of the answer
  std::uint64_t body_end_ = 0;     // where sending stops: earlier if the body is to be cut off
  std::uint64_t body_sent_ = 0;
  bool keeps_alive_ = true;
};

}  // namespace shoal::devbucket
