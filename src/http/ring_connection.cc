// SPDX-License-Identifier: Apache-2.0
#include "http/ring_connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "http/socket_progress.h"

namespace shoal::http {
namespace {

using namespace std::chrono_literals;

// A piece of a long body: each one that goes shows that the transfer lives.
constexpr std::size_t kSendBytes = 256 << 10;
// A body up to this size goes with the head, in one segment where it fits.
constexpr std::size_t kJoinedBodyBytes = 16 << 10;
// Object services and proxies close idle connections after 20 to 75 s.
constexpr auto kIdleTimeout = 60s;

Error unavailable(std::string text) {
  return Error(ErrorCode::unavailable, std::move(text)).with_retry(Retry::yes);
}

std::string seconds_text(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(duration).count()) + " s";
}

Error connect_error(const Address& address, int error) {
  return Error(ErrorCode::unavailable,
               "connect to " + address.to_string() + ": " + std::strerror(error),
               "Check the endpoint's address and port and that a firewall lets it through")
      .with_retry(Retry::yes);
}

}  // namespace

RingConnection::~RingConnection() {
  close();
}

// ---- connecting

void RingConnection::connect(TimePoint deadline) {
  deadline_ = deadline;
  active_at_ = born_;
  schedule(due());
  if (auto opened = open_socket(); !opened) {
    loop_.post([self = weak_from_this(), error = std::move(opened).error()]() mutable {
      if (const auto alive = self.lock()) alive->finish_connect(fail(std::move(error)));
    });
    return;
  }
  watch_ = loop_.watch(socket_.get(), POLLOUT, [this](std::uint32_t) { on_writable(); });
}

Result<void> RingConnection::open_socket() {
  socket_ =
      sys::Fd(socket(address_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket_.valid()) {
    const bool is_limit = errno == EMFILE || errno == ENFILE;
    return fail(
        Error(is_limit ? ErrorCode::limit : ErrorCode::unavailable,
              std::string("socket: ") + std::strerror(errno),
              is_limit ? "Raise the open files limit (ulimit -n, systemd LimitNOFILE=)." : "")
            .with_retry(Retry::yes));
  }
  const int one = 1;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(socket_.get(), address_.get(), address_.size) != 0 && errno != EINPROGRESS)
    return fail(connect_error(address_, errno));
  return {};
}

void RingConnection::on_writable() {
  loop_.unwatch(std::exchange(watch_, {}));
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  // The loop's sends and receives want a blocking socket.
  if (error == 0 && fcntl(socket_.get(), F_SETFL, 0) != 0) error = errno;
  if (error != 0) return finish_connect(fail(connect_error(address_, error)));
  finish_connect({});
}

void RingConnection::finish_connect(Result<void> result) {
  if (state_ != State::connecting) return;
  const auto self = shared_from_this();
  if (result) {
    state_ = State::idle;
    active_at_ = loop_.clock().now();
    receiver_ = loop_.receive(socket_.get(),
                              [this](Result<ByteSpan> piece) { on_arrived(std::move(piece)); });
  } else {
    close();
  }
  owner_.on_connected(*this, std::move(result));
}

// ---- an exchange

void RingConnection::start(std::string head, ByteSpan body, bool is_head_request,
                           ResponseSink& sink, TimePoint deadline) {
  SHOAL_ASSERT(state_ == State::idle && !is_sending_);
  state_ = State::busy;
  ++exchanges_;
  head_ = std::move(head);
  body_ = body;
  has_body_ = !body.empty();
  if (body_.size() <= kJoinedBodyBytes) {
    head_ += as_text(body_);
    body_ = {};
  }
  parser_.reset(is_head_request);
  sink_ = &sink;
  deadline_ = deadline;
  received_ = 0;
  has_surplus_ = false;
  if (!body_.empty()) acknowledged_ = bytes_acknowledged(socket_.get());
  active_at_ = loop_.clock().now();
  schedule(due());
  is_sending_ = true;
  loop_.send(socket_.get(), as_bytes(head_), [self = shared_from_this()](Result<std::size_t> sent) {
    self->on_sent(sent.has_value());
  });
}

void RingConnection::send_next() {
  const ByteSpan piece = body_.first(std::min(body_.size(), kSendBytes));
  body_ = body_.subspan(piece.size());
  loop_.send(socket_.get(), piece, [self = shared_from_this()](Result<std::size_t> sent) {
    self->on_sent(sent.has_value());
  });
}

void RingConnection::on_sent(bool succeeded) {
  if (succeeded && !body_.empty() && state_ == State::busy) {
    active_at_ = loop_.clock().now();
    return send_next();
  }
  is_sending_ = false;
  body_ = {};
  if (succeeded) active_at_ = loop_.clock().now();
  if (state_ == State::closed) {
    if (socket_.valid()) loop_.close(std::move(socket_));
    if (after_send_) std::exchange(after_send_, {})();
    return;
  }
  // The answer, if there is one, may say why; what it does not say, the end of the stream does.
  if (!succeeded) shutdown(socket_.get(), SHUT_RDWR);
}

void RingConnection::on_arrived(Result<ByteSpan> piece) {
  const auto self = shared_from_this();
  if (state_ == State::idle) {
    close();
    return owner_.on_idle_end(*this);
  }
  if (!piece) return end_response(fail(unavailable(piece.error().message())));
  if (piece->empty()) return end_response(parser_.finish());
  active_at_ = loop_.clock().now();
  received_ += piece->size();
  auto used = parser_.feed(*piece, *sink_);
  if (state_ != State::busy) return;  // closed by the sink
  if (!used) return end_response(fail(std::move(used).error()));
  has_surplus_ = *used < piece->size();
  if (parser_.complete()) end_response({});
}

void RingConnection::end_response(Result<void> result) {
  state_ = State::idle;
  sink_ = nullptr;
  deadline_ = TimePoint::max();
  owner_.on_response(*this, std::move(result));
}

bool RingConnection::is_reusable() const {
  return state_ == State::idle && parser_.keeps_alive() && !has_surplus_ && !is_sending_;
}

bool RingConnection::looks_alive() const {
  char byte = 0;
  return recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void RingConnection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  sink_ = nullptr;
  loop_.cancel(timer_);
  if (watch_.value != 0) loop_.unwatch(watch_);
  if (receiver_.value != 0) loop_.stop_receiving(receiver_);
  if (!socket_.valid()) return;
  // Ends what the kernel is doing with it; a send that goes on needs the descriptor's number.
  shutdown(socket_.get(), SHUT_RDWR);
  if (!is_sending_) loop_.close(std::move(socket_));
}

// ---- time

TimePoint RingConnection::due() const {
  switch (state_) {
    case State::connecting:
      return std::min(deadline_, born_ + limits::kConnectTimeout);
    case State::idle:
      return active_at_ + kIdleTimeout;
    case State::busy:
      return std::min(deadline_, active_at_ + patience());
    case State::closed:
      break;
  }
  return TimePoint::max();
}

// A server that has the body may take long to store it, one that still sends may not.
Duration RingConnection::patience() const {
  const bool is_storing = has_body_ && !is_sending_ && received_ == 0;
  return is_storing ? patience_.answer : patience_.stall;
}

// The kernel has taken a piece long before it has arrived, at a slow link's other end.
bool RingConnection::has_sent_more() {
  if (!has_body_ || received_ > 0) return false;
  return std::exchange(acknowledged_, bytes_acknowledged(socket_.get())) != acknowledged_;
}

// A timer that is there already and not later will do: it looks at due() when it fires. So an
// exchange mostly costs no timer.
void RingConnection::schedule(TimePoint when) {
  if (timer_at_ <= when) return;
  loop_.cancel(timer_);
  timer_at_ = when;
  timer_ =
      loop_.after(std::max(when - loop_.clock().now(), Duration::zero()), [this] { on_timer(); });
}

void RingConnection::on_timer() {
  timer_at_ = TimePoint::max();
  if (state_ == State::busy && loop_.clock().now() < deadline_ && loop_.clock().now() >= due() &&
      has_sent_more())
    active_at_ = loop_.clock().now();
  if (loop_.clock().now() < due()) return schedule(due());
  const auto self = shared_from_this();
  switch (state_) {
    case State::connecting:
      return finish_connect(fail(timeout_error()));
    case State::idle:
      close();
      return owner_.on_idle_end(*this);
    case State::busy:
      return end_response(fail(timeout_error()));
    case State::closed:
      return;
  }
}

Error RingConnection::timeout_error() const {
  const bool is_deadline = loop_.clock().now() >= deadline_;
  std::string text;
  if (state_ == State::connecting)
    text = "connect to " + address_.to_string() + ": no answer";
  else if (received_ == 0)
    text = "no answer from " + address_.to_string();
  else
    text = "the answer stopped after " + std::to_string(received_) + " bytes";
  text += is_deadline                   ? " before the deadline"
          : state_ == State::connecting ? " for " + seconds_text(limits::kConnectTimeout)
                                        : " for " + seconds_text(patience());
  return Error(ErrorCode::timeout, std::move(text)).with_retry(Retry::yes);
}

}  // namespace shoal::http
