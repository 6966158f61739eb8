// SPDX-License-Identifier: Apache-2.0
#include "sys/loop_impl.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/assert.h"

namespace shoal::sys {
namespace {

// user_data = kind << 62 | SlotTable id (62 bits).
enum class Kind : std::uint64_t { control = 0, poll = 1, io = 2, receive = 3 };
// Ids of kind control.
constexpr std::uint64_t kCancel = 0;
constexpr std::uint64_t kWake = 1;

std::uint64_t tag(Kind kind, std::uint64_t id) {
  return static_cast<std::uint64_t>(kind) << 62 | id;
}
Kind kind_of(std::uint64_t user_data) {
  return static_cast<Kind>(user_data >> 62);
}
std::uint64_t id_of(std::uint64_t user_data) {
  return user_data & (~std::uint64_t{0} >> 2);
}

constexpr std::size_t kCompletionBatch = 256;          // on the stack, 4 KiB
constexpr std::size_t kTransferBytesMax = 1ull << 30;  // one SQE takes a 32-bit length

// Callbacks that answer every cancellation with a new operation would keep a stopping loop alive
// for ever; after this many turns without an operation in the kernel the rest is dropped.
constexpr int kDrainTurnsMax = 1000;

// A short read ends the operation at the end of a regular file, and always on other kinds of files,
// where the count is a message's length (/dev/fuse, sockets, pipes).
bool short_read_is_final(int fd, std::uint64_t end) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return true;
  if (S_ISREG(status.st_mode)) return end >= static_cast<std::uint64_t>(status.st_size);
  return !S_ISBLK(status.st_mode);
}

}  // namespace

Loop::Impl::Impl(std::unique_ptr<Ring> ring, Fd event)
    : mailbox(std::move(event)), ring_(std::move(ring)) {}

void Loop::Impl::close() {
  bool is_receiving = false;
  receivers_.for_each(
      [&](std::uint64_t, const Receiver& receiver) { is_receiving |= receiver.armed; });
  // The kernel still owns the memory of these operations.
  if (!ios_.empty() || is_receiving) drain();
  std::vector<Task> tasks;
  mailbox.take(tasks);
  tasks.clear();
  const TimerHeap dropped_timers = std::exchange(timers, TimerHeap());
  const SlotTable<Watch> dropped_watches = std::exchange(watches_, SlotTable<Watch>());
  const SlotTable<Receiver> dropped_receivers = std::exchange(receivers_, SlotTable<Receiver>());
  closing_.clear();
}

void Loop::Impl::run_until(const std::function<bool()>& done) {
  ring_->enter();
  if (!wake_armed_) arm_wake();
  arm_watches();
  arm_receivers();
  while (!done() && !mailbox.stop_requested()) step(/*may_sleep=*/true);
}

void Loop::Impl::drain() {
  ring_->enter();
  draining_ = true;
  watches_.for_each([this](std::uint64_t id, Watch& watch) {
    if (watch.armed) cancel_operation(tag(Kind::poll, id));
  });
  ios_.for_each([this](std::uint64_t id, Io&) { cancel_operation(tag(Kind::io, id)); });
  receivers_.for_each([this](std::uint64_t id, Receiver& receiver) {
    if (receiver.armed) cancel_operation(tag(Kind::receive, id));
  });
  for (int idle_turns = 0; idle_turns < kDrainTurnsMax;) {
    const bool in_kernel = anything_armed();
    if (!in_kernel) {
      // Stop as soon as a turn finds no task either.
      mailbox.take(batch_);
      if (batch_.empty()) break;
      ++idle_turns;
    }
    step(/*may_sleep=*/in_kernel);
  }
  draining_ = false;
  mailbox.forget_stop();
}

bool Loop::Impl::anything_armed() {
  bool armed = !ios_.empty();
  watches_.for_each([&armed](std::uint64_t, const Watch& watch) { armed = armed || watch.armed; });
  receivers_.for_each(
      [&armed](std::uint64_t, const Receiver& receiver) { armed = armed || receiver.armed; });
  return armed;
}

void Loop::Impl::step(bool may_sleep) {
  Duration timeout = Duration::zero();
  if (may_sleep && (mailbox.fall_asleep() || draining_)) {
    timeout = Duration::max();
    if (const auto next = timers.next(); next && !draining_)
      timeout = std::max(*next - system_clock().now(), Duration::zero());
  }
  ring_->submit_and_wait(timeout);
  closing_.clear();
  dispatch_completions();
  run_posted();
  if (!draining_) run_due_timers();
}

void Loop::Impl::dispatch_completions() {
  std::array<Ring::Completion, kCompletionBatch> completions;
  for (;;) {
    const std::size_t count = ring_->take(completions);
    for (std::size_t i = 0; i < count; ++i) dispatch(completions[i]);
    if (count < completions.size()) return;
  }
}

void Loop::Impl::dispatch(const Ring::Completion& completion) {
  switch (kind_of(completion.user_data)) {
    case Kind::control:
      // Whether a cancellation found its operation shows in that one's completion.
      if (id_of(completion.user_data) == kCancel) return;
      // EINVAL: no multishot poll before Linux 5.13; a loop that cannot be woken is useless.
      SHOAL_ASSERT(completion.result != -EINVAL);
      if (!completion.more) arm_wake();
      return;
    case Kind::receive:
      on_receive(id_of(completion.user_data), completion);
      return;
    case Kind::poll:
      on_poll(id_of(completion.user_data), completion.result);
      return;
    case Kind::io:
      on_io(id_of(completion.user_data), completion.result);
      return;
  }
}

void Loop::Impl::run_posted() {
  if (batch_.empty()) mailbox.take(batch_);
  for (Task& task : batch_) task();
  batch_.clear();
}

void Loop::Impl::run_due_timers() {
  if (!timers.next()) return;
  const TimePoint now = system_clock().now();
  while (Task task = timers.pop_due(now)) task();
}

void Loop::Impl::arm_wake() {
  io_uring_sqe* entry = ring_->prepare();
  io_uring_prep_poll_multishot(entry, mailbox.event_fd(), POLLIN);
  io_uring_sqe_set_data64(entry, tag(Kind::control, kWake));
  wake_armed_ = true;
}

void Loop::Impl::cancel_operation(std::uint64_t user_data) {
  io_uring_sqe* entry = ring_->prepare();
  io_uring_prep_cancel64(entry, user_data, 0);
  io_uring_sqe_set_data64(entry, tag(Kind::control, kCancel));
}

std::uint64_t Loop::Impl::receive_tag(std::uint64_t id) {
  return tag(Kind::receive, id);
}

void Loop::Impl::cancel_receive(std::uint64_t id) {
  cancel_operation(receive_tag(id));
}

// ---- watches

std::uint64_t Loop::Impl::add_watch(int fd, std::uint32_t events,
                                    std::move_only_function<void(std::uint32_t)> ready) {
  const std::uint64_t id = watches_.insert(Watch{fd, events, std::move(ready)});
  if (!draining_) arm(id, *watches_.find(id));
  return id;
}

void Loop::Impl::remove_watch(std::uint64_t id) {
  if (watches_.find(id) == nullptr) return;
  const Watch watch = watches_.take(id);
  if (watch.armed) cancel_operation(tag(Kind::poll, id));
}

void Loop::Impl::arm(std::uint64_t id, Watch& watch) {
  io_uring_sqe* entry = ring_->prepare();
  io_uring_prep_poll_add(entry, watch.fd, watch.events);
  io_uring_sqe_set_data64(entry, tag(Kind::poll, id));
  watch.armed = true;
}

// Watches lose their polls when a loop is drained, and get them back when it is run again.
void Loop::Impl::arm_watches() {
  watches_.for_each([this](std::uint64_t id, Watch& watch) {
    if (!watch.armed && !watch.dead) arm(id, watch);
  });
}

void Loop::Impl::on_poll(std::uint64_t id, int result) {
  Watch* watch = watches_.find(id);
  if (watch == nullptr) return;
  watch->armed = false;
  if (draining_) return;
  if (result < 0) watch->dead = true;  // polling again would fail again, at once and for ever
  // The callback may remove its own watch, or add one and move the table: it runs from here.
  auto ready = std::move(watch->ready);
  ready(result < 0 ? std::uint32_t{POLLNVAL} : static_cast<std::uint32_t>(result));
  watch = watches_.find(id);
  if (watch == nullptr) return;
  watch->ready = std::move(ready);
  if (!watch->dead) arm(id, *watch);
}

// ---- reads, writes and sends

const char* Loop::Impl::verb_of(IoKind kind) {
  constexpr const char* kVerbs[] = {"read", "write", "send"};
  return kVerbs[static_cast<std::size_t>(kind)];
}

void Loop::Impl::start_io(Io io) {
  if (draining_) {
    mailbox.post([done = std::move(io.done)]() mutable {
      done(fail(ErrorCode::canceled, "the event loop is stopping"));
    });
    return;
  }
  const std::uint64_t id = ios_.insert(std::move(io));
  submit_io(id, *ios_.find(id));
}

void Loop::Impl::submit_io(std::uint64_t id, const Io& io) {
  io_uring_sqe* entry = ring_->prepare();
  std::byte* data = io.data + io.progress;
  const auto bytes = static_cast<unsigned>(std::min(io.bytes - io.progress, kTransferBytesMax));
  const std::uint64_t offset = io.offset + io.progress;
  switch (io.kind) {
    case IoKind::read:
      io_uring_prep_read(entry, io.fd, data, bytes, offset);
      break;
    case IoKind::write:
      io_uring_prep_write(entry, io.fd, data, bytes, offset);
      break;
    case IoKind::send:
      io_uring_prep_send(entry, io.fd, data, bytes, MSG_NOSIGNAL);
      break;
  }
  io_uring_sqe_set_data64(entry, tag(Kind::io, id));
}

void Loop::Impl::on_io(std::uint64_t id, int result) {
  Io* io = ios_.find(id);
  SHOAL_ASSERT(io != nullptr);
  if (result == -ECANCELED || (result == -EINTR && draining_)) {
    finish_io(id, fail(ErrorCode::canceled, std::string(verb_of(io->kind)) + " canceled"));
    return;
  }
  if (result == -EINTR) {
    submit_io(id, *io);
    return;
  }
  if (result < 0) {
    finish_io(id, fail(errno_error(-result, verb_of(io->kind))));
    return;
  }
  io->progress += static_cast<std::size_t>(result);
  if (io->progress == io->bytes) {
    finish_io(id, io->progress);
    return;
  }
  if (io->kind != IoKind::read && result == 0) {
    finish_io(id, fail(ErrorCode::io,
                       std::string(verb_of(io->kind)) + ": the other side takes no more bytes"));
    return;
  }
  const bool is_final = io->kind == IoKind::read &&
                        (result == 0 || short_read_is_final(io->fd, io->offset + io->progress));
  if (is_final)
    finish_io(id, io->progress);
  else if (draining_)
    finish_io(id, fail(ErrorCode::canceled, std::string(verb_of(io->kind)) + " canceled"));
  else
    submit_io(id, *io);
}

void Loop::Impl::finish_io(std::uint64_t id, Result<std::size_t> result) {
  IoDone done = ios_.take(id).done;
  done(std::move(result));
}

}  // namespace shoal::sys
