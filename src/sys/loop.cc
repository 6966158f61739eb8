// SPDX-License-Identifier: Apache-2.0
//
// One turn of the loop: submit everything prepared since the last turn and wait (one system call),
// then completions, then posted tasks, then due timers. Nothing is submitted in between, so a
// thousand operations started by one turn's callbacks cost one system call.
//
// Other threads wake a sleeping loop through an eventfd on which a multishot poll stays armed; its
// counter is never read, each write is an edge of its own. Readiness of other descriptors is a
// one-shot poll armed again after each callback, which makes it level-triggered: a poll of a
// descriptor that is still ready completes at once.
//
// Ids in user_data carry a generation (SlotTable), so a completion that crosses its cancellation on
// the way finds nobody and is dropped.
#include "sys/loop.h"

#include <sys/eventfd.h>

#include <cerrno>

#include "base/assert.h"
#include "sys/loop_impl.h"

namespace shoal::sys {

Loop::Loop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Loop::~Loop() {
  impl_->close();
}

Result<std::unique_ptr<Loop>> Loop::create(const Options& options) {
  SHOAL_TRY(auto ring, Ring::create(options.queue_depth));
  Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return fail(errno_error(errno, "eventfd"));
  return std::unique_ptr<Loop>(new Loop(std::make_unique<Impl>(std::move(ring), std::move(event))));
}

void Loop::run() {
  impl_->run_until([] { return false; });
  impl_->drain();
}

void Loop::run_until(const std::function<bool()>& done) {
  impl_->run_until(done);
}

void Loop::stop() {
  impl_->mailbox.stop();
}

void Loop::post(Task task) {
  impl_->mailbox.post(std::move(task));
}

LoopExecutor::TimerId Loop::after(Duration delay, Task task) {
  return TimerId{impl_->timers.add(clock().now() + delay, std::move(task))};
}

void Loop::cancel(TimerId timer) {
  impl_->timers.cancel(timer.value);
}

const Clock& Loop::clock() const {
  return system_clock();
}

Loop::WatchId Loop::watch(int fd, std::uint32_t events,
                          std::move_only_function<void(std::uint32_t)> ready) {
  return WatchId{impl_->add_watch(fd, events, std::move(ready))};
}

void Loop::unwatch(WatchId watch) {
  impl_->remove_watch(watch.value);
}

void Loop::read(int fd, MutableByteSpan target, std::uint64_t offset, IoDone done) {
  impl_->start_io({.fd = fd,
                   .data = target.data(),
                   .bytes = target.size(),
                   .offset = offset,
                   .done = std::move(done)});
}

void Loop::write(int fd, ByteSpan source, std::uint64_t offset, IoDone done) {
  // The kernel only reads from it; Io keeps one pointer type for both directions.
  auto* data = const_cast<std::byte*>(source.data());
  impl_->start_io({.kind = Impl::IoKind::write,
                   .fd = fd,
                   .data = data,
                   .bytes = source.size(),
                   .offset = offset,
                   .done = std::move(done)});
}

void Loop::send(int socket, ByteSpan source, IoDone done) {
  auto* data = const_cast<std::byte*>(source.data());
  impl_->start_io({.kind = Impl::IoKind::send,
                   .fd = socket,
                   .data = data,
                   .bytes = source.size(),
                   .done = std::move(done)});
}

Loop::ReceiverId Loop::receive(int socket, Arrived arrived) {
  return {impl_->add_receiver(socket, std::move(arrived))};
}

void Loop::stop_receiving(ReceiverId receiver) {
  impl_->remove_receiver(receiver.value);
}

void Loop::close(Fd fd) {
  impl_->close_later(std::move(fd));
}

}  // namespace shoal::sys
