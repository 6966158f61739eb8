// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/resolver.h"
#include "http/response_parser.h"
#include "sys/loop.h"

namespace shoal::http {

// One TCP connection that carries one exchange after the other. confined. Kept alive by its owner,
// and by the kernel while it reads from the request's bytes.
class RingConnection : public std::enable_shared_from_this<RingConnection> {
 public:
  // Told from the loop, never inside a call of this class; the connection may be used, closed and
  // let go of in there.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_connected(RingConnection& connection, Result<void> result) = 0;
    // The exchange is over. Without an error the response is complete.
    virtual void on_response(RingConnection& connection, Result<void> result) = 0;
    // An unused connection was closed by the other side or has been idle for too long.
    virtual void on_idle_end(RingConnection& connection) = 0;
  };

  RingConnection(sys::Loop& loop, Owner& owner, const Address& address, const Patience& patience)
      : loop_(loop),
        owner_(owner),
        address_(address),
        patience_(patience),
        born_(loop.clock().now()) {}
  ~RingConnection();
  RingConnection(const RingConnection&) = delete;
  RingConnection& operator=(const RingConnection&) = delete;

  // `deadline` bounds connecting as well as limits::kConnectTimeout does.
  void connect(TimePoint deadline);
  // Precondition: connected and idle. `head` is the request up to the empty line; `body` is
  // borrowed until is_sending() is false. `sink` until on_response or close().
  void start(std::string head, ByteSpan body, bool is_head_request, ResponseSink& sink,
             TimePoint deadline);
  // Ends it; the owner hears nothing more.
  void close();
  // Runs `task` when the kernel has let go of the body. Precondition: is_sending().
  void when_sent(Task task) { after_send_ = std::move(task); }

  // The other side has not closed it, as far as this side can know.
  [[nodiscard]] bool looks_alive() const;
  [[nodiscard]] bool is_sending() const { return is_sending_; }
  // After on_response without an error: it can take another exchange.
  [[nodiscard]] bool is_reusable() const;
  [[nodiscard]] bool answer_started() const { return parser_.started(); }
  [[nodiscard]] bool failed_in_sink() const { return parser_.failed_in_sink(); }
  [[nodiscard]] std::uint64_t exchanges() const { return exchanges_; }  // started so far
  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] TimePoint born() const { return born_; }

  // The owner's: what it is used for now.
  std::uint64_t exchange_id = 0;
  void* origin = nullptr;

 private:
  enum class State { connecting, idle, busy, closed };

  [[nodiscard]] Result<void> open_socket();
  void on_writable();
  void finish_connect(Result<void> result);
  void on_arrived(Result<ByteSpan> piece);
  void end_response(Result<void> result);
  void send_next();
  void on_sent(bool succeeded);
  void schedule(TimePoint due);
  [[nodiscard]] TimePoint due() const;
  [[nodiscard]] Duration patience() const;
  [[nodiscard]] bool has_sent_more();
  void on_timer();
  [[nodiscard]] Error timeout_error() const;

  sys::Loop& loop_;
  Owner& owner_;
  const Address address_;
  const Patience patience_;
  const TimePoint born_;
  sys::Fd socket_;
  State state_ = State::connecting;
  sys::Loop::WatchId watch_{};
  sys::Loop::ReceiverId receiver_{};
  sys::Loop::TimerId timer_{};  // fires at or before due(), and looks then
  TimePoint timer_at_ = TimePoint::max();

  std::string head_;  // being sent
  ByteSpan body_;     // what is left of it
  bool is_sending_ = false;
  bool has_body_ = false;           // the present request
  std::uint64_t acknowledged_ = 0;  // bytes of the connection, when last looked at
  Task after_send_;

  ResponseParser parser_;
  ResponseSink* sink_ = nullptr;
  TimePoint deadline_ = TimePoint::max();
  TimePoint active_at_{};  // the last byte, in either direction
  std::uint64_t received_ = 0;
  std::uint64_t exchanges_ = 0;
  bool has_surplus_ = false;  // bytes came behind the response
};

}  // namespace shoal::http
