// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/duration_histogram.h"
#include "base/log.h"
#include "frontend/fuse/buffer_pool.h"
#include "frontend/fuse/read_errors.h"
#include "frontend/fuse/report.h"
#include "frontend/fuse/request_slots.h"
#include "sys/loop.h"

namespace shoal::fuse {
namespace {

using Slot = RequestSlots::Slot;

// A READ on its way to its answer.
struct Asked {
  Slot slot;
  std::uint64_t unique = 0;
  protocol::ReadRequest read;
  TimePoint at{};  // when it was read from the device
};

struct Counters {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> read_bytes{0};
  std::atomic<std::uint64_t> read_errors{0};
  std::atomic<std::uint64_t> resent{0};
  std::atomic<std::uint64_t> restored{0};
  std::atomic<std::uint64_t> paused{0};
  std::atomic<std::uint64_t> in_flight{0};
  DurationHistogram read_durations;
};

void add(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
  counter.fetch_add(by, std::memory_order_relaxed);  // statistics: no partner
}

ImageTree::Facts facts_of(const Volume& volume) {
  return {.image_bytes = volume.size(),
          .mtime = volume.info().listed_at,
          .uid = ::geteuid(),
          .gid = ::getegid()};
}

ImageIdentity identity_of(const Volume& volume) {
  const VolumeInfo info = volume.info();
  return {.generation = info.generation, .listed_at = info.listed_at, .image_bytes = volume.size()};
}

// A volume can be listed anew while no server holds its lock. What is wrong with the session file
// itself is found where it is needed.
Result<void> check_same_image(const Volume& volume, const std::filesystem::path& session_file) {
  const auto session = load_session(session_file);
  if (!session || !session->image || *session->image == identity_of(volume)) return {};
  return fail(ErrorCode::precondition,
              "serve: the mount shows generation " + std::to_string(session->image->generation) +
                  ", the volume is at " + std::to_string(volume.info().generation) +
                  " or was listed anew",
              "Unmount and mount again.");
}

std::filesystem::path slots_path(const ServerOptions& options) {
  return options.session_file.string() + ".requests";
}

}  // namespace

class Server::Impl {
 public:
  // `own_loop` is null where the volume lends its loop.
  Impl(Volume& volume, const ServerOptions& options, std::unique_ptr<sys::Loop> own_loop,
       RequestSlots slots, sys::Fd stop_event)
      : volume_(volume),
        options_(options),
        tree_(facts_of(volume)),
        stop_event_(std::move(stop_event)),
        own_loop_(std::move(own_loop)),
        loop_(own_loop_ ? own_loop_.get() : volume.loop()),
        slots_(std::move(slots)),
        buffers_(options.buffer_bytes_max) {}

  Result<Outcome> run();
  void stop();
  ServerStats stats() const;
  Session session() const {
    const std::lock_guard lock(session_mutex_);
    return session_;
  }

 private:
  // Loop thread.
  void start();
  Result<void> begin();
  Result<void> take_over();
  void end();
  void signal_ready();
  void set_session(const Session& session) {
    const std::lock_guard lock(session_mutex_);
    session_ = session;
  }

  void on_readable();
  bool read_one();  // false: nothing there, paused or over
  void handle(const Slot& slot, ByteSpan bytes);
  void answer_init(const Slot& slot, const protocol::Request& request);
  void start_read(const Asked& asked);
  bool try_start_read(const Asked& asked, TimePoint now);
  // Runs `acquire`, which says whether it got something; if not, stops reading the device until
  // something is returned.
  template <typename Acquire>
  bool acquire_or_pause(Acquire acquire);
  void resume();
  void watch_device();
  void unwatch_device();
  void begin_drain();
  void check_drained();
  void finish(Result<Outcome> outcome);

  // Any thread.
  void reply(std::uint64_t unique, int error, ByteSpan payload);
  void finish_read(const Asked& asked, BufferPool::Buffer buffer, const Result<void>& result);
  void wake_if_paused();

  Volume& volume_;
  const ServerOptions options_;
  const ImageTree tree_;
  sys::Fd stop_event_;
  std::unique_ptr<sys::Loop> own_loop_;
  sys::Loop* loop_;  // own_loop_, run by run(); or the volume's, run by its thread
  RequestSlots slots_;
  BufferPool buffers_;
  ReadErrorLog errors_;
  Counters counters_;

  mutable std::mutex session_mutex_;  // guards session_
  Session session_;

  // Set by the loop when it stops reading for want of a slot or buffer, taken by whoever returns
  // one.
  std::atomic<bool> paused_{false};

  // Loop thread only.
  std::vector<Asked> waiting_;  // read, no buffer yet; one, or as many as there are slots restored
  std::optional<sys::Loop::WatchId> stop_watch_;
  std::optional<sys::Loop::WatchId> device_watch_;
  bool ready_signalled_ = false;
  bool draining_ = false;
  TimePoint drain_deadline_{};
  std::optional<Result<Outcome>> outcome_;  // read by run() once `over_` is said
  std::promise<void> over_;
};

// ---- life

Result<Server::Outcome> Server::Impl::run() {
  const std::future<void> over = over_.get_future();
  loop_->post([this] { start(); });
  if (own_loop_) own_loop_->run();
  over.wait();
  SHOAL_ASSERT(outcome_.has_value());
  return std::move(*outcome_);
}

void Server::Impl::start() {
  stop_watch_ = loop_->watch(stop_event_.get(), POLLIN, [this](std::uint32_t) {
    std::uint64_t count = 0;
    if (::read(stop_event_.get(), &count, sizeof count) < 0 && errno == EAGAIN) return;
    begin_drain();
  });
  if (auto begun = begin(); !begun) {
    finish(fail(std::move(begun).error()));
    return;
  }
  // Requests an earlier server left in the slots may wait for buffers already; then resume()
  // watches.
  if (waiting_.empty()) watch_device();
}

// Nothing is in flight. What completions posted before they counted themselves out comes first.
void Server::Impl::end() {
  if (!outcome_) outcome_ = Outcome::stopped;
  if (stop_watch_) loop_->unwatch(*std::exchange(stop_watch_, std::nullopt));
  if (own_loop_) own_loop_->stop();
  // The last word: from there on the server may be gone, so the promise is the task's.
  loop_->post([over = std::move(over_)]() mutable { over.set_value(); });
}

Result<void> Server::Impl::begin() {
  auto session = load_session(options_.session_file);
  if (!session && session.error().code() == ErrorCode::not_found) {
    slots_.clear();
    return {};  // the kernel's INIT is the first thing to read
  }
  if (!session) return fail(std::move(session).error());
  set_session(*session);
  return take_over();
}

Result<void> Server::Impl::take_over() {
  if (session().resend()) {
    slots_.clear();  // the kernel sends them again
    const auto notification = protocol::encode_resend_notification();
    if (::write(options_.fuse_fd, notification.data(), notification.size()) < 0 && errno != ENODEV)
      return fail(sys::errno_error(errno, "ask the kernel to send unanswered requests again"));
  } else {
    for (const Slot& slot : slots_.restored()) {
      add(counters_.restored);
      handle(slot, slot.bytes.first(load_le<std::uint32_t>(slot.bytes.data())));
    }
  }
  log_event(
      LogLevel::info, "server.took_over",
      {{"resend", session().resend() ? "true" : "false"}, {"restored", counters_.restored.load()}});
  signal_ready();
  return {};
}

void Server::Impl::signal_ready() {
  if (ready_signalled_ || options_.ready_fd < 0) return;
  ready_signalled_ = true;
  report_success(options_.ready_fd, "");
}

void Server::Impl::stop() {
  const std::uint64_t one = 1;
  // Cannot fail in a way that matters: a full counter is a stop, too.
  [[maybe_unused]] const auto written = ::write(stop_event_.get(), &one, sizeof one);
}

void Server::Impl::begin_drain() {
  if (draining_) return;
  draining_ = true;
  unwatch_device();
  drain_deadline_ = loop_->clock().now() + options_.io_timeout + bounds::kDrainGrace;
  check_drained();
}

void Server::Impl::check_drained() {
  // Pairs with the last step of finish_read(): once 0 is seen no completion touches this object.
  if (waiting_.empty() && counters_.in_flight.load(std::memory_order_acquire) == 0) {
    end();
    return;
  }
  // The volume ends every read at its deadline; past it, dying is safer than a reader that hangs.
  SHOAL_ASSERT(loop_->clock().now() < drain_deadline_);
  loop_->after(bounds::kDrainPoll, [this] { check_drained(); });
}

void Server::Impl::finish(Result<Outcome> outcome) {
  if (!outcome_) outcome_ = std::move(outcome);
  begin_drain();
}

// ---- reading requests

void Server::Impl::watch_device() {
  if (device_watch_ || draining_) return;
  device_watch_ = loop_->watch(options_.fuse_fd, POLLIN, [this](std::uint32_t) { on_readable(); });
}

void Server::Impl::unwatch_device() {
  if (device_watch_) loop_->unwatch(*std::exchange(device_watch_, std::nullopt));
}

void Server::Impl::on_readable() {
  for (int i = 0; i < bounds::kRequestsPerTurn && device_watch_; ++i)
    if (!read_one()) return;
}

bool Server::Impl::read_one() {
  Slot slot;
  if (!acquire_or_pause([&] { return slots_.acquire(slot); })) return false;
  const ssize_t bytes = ::read(options_.fuse_fd, slot.bytes.data(), slot.bytes.size());
  if (bytes >= 0) {
    handle(slot, slot.bytes.first(static_cast<std::size_t>(bytes)));
    return true;
  }
  const int error = errno;
  slots_.release(slot);
  switch (error) {
    case EAGAIN:
      return false;
    case EINTR:
    case ENOENT:
      return true;  // the request was given up before it could be read
    case ENODEV:
      finish(Outcome::disconnected);
      return false;
    default:
      finish(fail(sys::errno_error(error, "read /dev/fuse")));
      return false;
  }
}

void Server::Impl::handle(const Slot& slot, ByteSpan bytes) {
  const auto request = protocol::decode_request(bytes);
  if (!request) {
    log_event(LogLevel::error, "request.malformed", {{"error", request.error().to_string()}});
    slots_.release(slot);
    return;
  }
  add(counters_.requests);
  if ((request->unique & protocol::kUniqueResend) != 0) add(counters_.resent);
  const Answer answer = tree_.answer(*request);
  switch (answer.kind) {
    case Answer::Kind::read:
      start_read({slot, request->unique, answer.read, loop_->clock().now()});
      return;
    case Answer::Kind::init:
      answer_init(slot, *request);
      return;
    case Answer::Kind::none:
      break;
    case Answer::Kind::reply:
    case Answer::Kind::destroy:
      reply(request->unique, answer.error, answer.payload);
      break;
  }
  slots_.release(slot);
}

void Server::Impl::answer_init(const Slot& slot, const protocol::Request& request) {
  const auto offer = protocol::decode_init(request.body);
  auto session = offer ? negotiate(*offer, options_.allow_resend) : fail(offer.error());
  // Saved before the kernel hears of it: a successor must never wait for a second INIT.
  if (session) {
    session->image = identity_of(volume_);
    if (auto saved = save_session(options_.session_file, *session); !saved)
      session = fail(std::move(saved).error());
  }
  if (!session) {
    reply(request.unique, EPROTO, {});
    slots_.release(slot);
    finish(fail(std::move(session).error()));
    return;
  }
  set_session(*session);
  reply(request.unique, 0, protocol::encode_init_reply(init_reply(*session)));
  slots_.release(slot);
  signal_ready();
}

// ---- reading the image

void Server::Impl::start_read(const Asked& asked) {
  if (waiting_.empty() && try_start_read(asked, asked.at)) return;
  waiting_.push_back(asked);
}

bool Server::Impl::try_start_read(const Asked& asked, TimePoint now) {
  BufferPool::Buffer buffer;
  const auto acquire = [&] { return (buffer = buffers_.acquire(asked.read.bytes)).valid(); };
  if (!acquire_or_pause(acquire)) return false;
  counters_.in_flight.fetch_add(1, std::memory_order_relaxed);  // before any completion can run
  const MutableByteSpan target = buffer.bytes().first(asked.read.bytes);
  volume_.read(asked.read.offset, target, now + options_.io_timeout,
               [this, asked, held = std::move(buffer)](Result<void> result) mutable {
                 finish_read(asked, std::move(held), result);
               });
  return true;
}

void Server::Impl::finish_read(const Asked& asked, BufferPool::Buffer buffer,
                               const Result<void>& result) {
  const auto& [slot, unique, read, at] = asked;
  const TimePoint now = loop_->clock().now();
  add(counters_.reads);
  counters_.read_durations.add(now - at);
  if (result) {
    add(counters_.read_bytes, read.bytes);
    reply(unique, 0, buffer.bytes().first(read.bytes));
  } else {
    add(counters_.read_errors);
    errors_.record(read.offset, read.bytes, result.error());
    reply(unique, errno_of(result.error().code()), {});
  }
  buffer.release();
  slots_.release(slot);
  wake_if_paused();
  // Last: from here on the server may be gone. Pairs with check_drained().
  counters_.in_flight.fetch_sub(1, std::memory_order_release);
}

void Server::Impl::reply(std::uint64_t unique, int error, ByteSpan payload) {
  protocol::Header header =
      protocol::encode_header(unique, error, static_cast<std::uint32_t>(payload.size()));
  const iovec parts[] = {{header.data(), header.size()},
                         {const_cast<std::byte*>(payload.data()), payload.size()}};
  const ssize_t written = ::writev(options_.fuse_fd, parts, payload.empty() ? 1 : 2);
  if (written >= 0) return;
  // ENOENT: the request was given up or answered already; ENODEV: unmounted.
  if (errno == ENOENT || errno == ENODEV) return;
  log_event(
      LogLevel::error, "reply.failed",
      {{"unique", unique}, {"error", sys::errno_error(errno, "write /dev/fuse").to_string()}});
}

// ---- backpressure: stop reading the device while no slot or buffer is free

template <typename Acquire>
bool Server::Impl::acquire_or_pause(Acquire acquire) {
  if (acquire()) return true;
  // The flag first, then a second look: what is returned after the look finds the flag set, and
  // what was returned before it is found by the look. Pairs with wake_if_paused().
  paused_.store(true);
  if (acquire()) return true;  // the flag costs at most one needless resume()
  add(counters_.paused);
  unwatch_device();
  return false;
}

void Server::Impl::wake_if_paused() {
  if (paused_.exchange(false)) loop_->post([this] { resume(); });
}

void Server::Impl::resume() {
  while (!waiting_.empty()) {
    if (!try_start_read(waiting_.back(), loop_->clock().now())) return;
    waiting_.pop_back();
  }
  watch_device();
}

ServerStats Server::Impl::stats() const {
  return {.requests = counters_.requests.load(),
          .reads = counters_.reads.load(),
          .read_bytes = counters_.read_bytes.load(),
          .read_errors = counters_.read_errors.load(),
          .resent = counters_.resent.load(),
          .restored = counters_.restored.load(),
          .paused = counters_.paused.load(),
          .in_flight = counters_.in_flight.load(),
          .buffer_bytes = buffers_.bytes_in_use(),
          .read_durations = counters_.read_durations.counts()};
}

// ---- the public face

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::create(Volume& volume, const ServerOptions& options) {
  SHOAL_CHECK_OK(check_same_image(volume, options.session_file));
  std::unique_ptr<sys::Loop> own_loop;
  if (volume.loop() == nullptr) {
    SHOAL_TRY(own_loop, sys::Loop::create({}));
  }
  SHOAL_TRY(auto slots, RequestSlots::open(slots_path(options)));
  sys::Fd stop_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_event.valid()) return fail(sys::errno_error(errno, "make an eventfd"));
  return std::unique_ptr<Server>(new Server(std::make_unique<Impl>(
      volume, options, std::move(own_loop), std::move(slots), std::move(stop_event))));
}

Result<Server::Outcome> Server::run() {
  return impl_->run();
}
void Server::stop() {
  impl_->stop();
}
ServerStats Server::stats() const {
  return impl_->stats();
}
Session Server::session() const {
  return impl_->session();
}

}  // namespace shoal::fuse
