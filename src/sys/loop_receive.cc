// SPDX-License-Identifier: Apache-2.0
//
// Receivers: one multishot operation per socket, which takes a buffer of the loop's ring for each
// piece. Where the kernel knows neither, one plain receive after the other into a buffer of the
// receiver's own. An entry stays in the table until the kernel has let go of its operation.
#include <sys/socket.h>

#include <cerrno>

#include "sys/loop_impl.h"

namespace shoal::sys {

std::uint64_t Loop::Impl::add_receiver(int socket, Arrived arrived) {
  const std::uint64_t id =
      receivers_.insert(Receiver{.socket = socket, .arrived = std::move(arrived)});
  // A loop that does not run arms it when it does.
  if (!draining_ && wake_armed_) arm_receiver(id, *receivers_.find(id));
  return id;
}

void Loop::Impl::remove_receiver(std::uint64_t id) {
  Receiver* receiver = receivers_.find(id);
  if (receiver == nullptr || receiver->stopped) return;
  receiver->stopped = true;
  if (receiver->armed)
    cancel_receive(id);
  else
    static_cast<void>(receivers_.take(id));
}

void Loop::Impl::arm_receivers() {
  receivers_.for_each([this](std::uint64_t id, Receiver& receiver) {
    if (!receiver.armed && !receiver.ended) arm_receiver(id, receiver);
  });
}

void Loop::Impl::arm_receiver(std::uint64_t id, Receiver& receiver) {
  if (!buffers_ && buffers_work_) {
    buffers_.emplace();
    buffers_work_ = ring_->use_buffers(*buffers_);
  }
  io_uring_sqe* entry = ring_->prepare();
  if (buffers_work_) {
    io_uring_prep_recv_multishot(entry, receiver.socket, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = ReceiveBuffers::kGroup;
  } else {
    if (!receiver.buffer) receiver.buffer.reset(new std::byte[ReceiveBuffers::kBytes]);
    io_uring_prep_recv(entry, receiver.socket, receiver.buffer.get(), ReceiveBuffers::kBytes, 0);
  }
  io_uring_sqe_set_data64(entry, receive_tag(id));
  receiver.armed = true;
}

void Loop::Impl::on_receive(std::uint64_t id, const Ring::Completion& completion) {
  Receiver* receiver = receivers_.find(id);
  if (!completion.more) receiver->armed = false;
  const int result = completion.result;
  if (!receiver->stopped) {
    // ENOBUFS: other sockets hold all buffers, until their completions have been looked at.
    const bool again =
        result == -ENOBUFS || result == -EINTR || result == -EAGAIN || result == -ECANCELED;
    if (result > 0 && completion.buffer >= 0)
      hand_over(id, buffers_->bytes(completion.buffer, static_cast<std::size_t>(result)));
    else if (result > 0)
      hand_over(id, ByteSpan(receiver->buffer.get(), static_cast<std::size_t>(result)));
    else if (result == 0)
      hand_over(id, ByteSpan());
    else if (!again)
      hand_over(id, fail(errno_error(-result, "receive")));
  }
  if (completion.buffer >= 0) buffers_->give_back(completion.buffer);
  receiver = receivers_.find(id);
  if (receiver == nullptr || receiver->armed) return;
  if (receiver->stopped)
    static_cast<void>(receivers_.take(id));
  else if (!receiver->ended && !draining_)
    arm_receiver(id, *receiver);
}

// The callback may stop its own receiver, or add one and move the table: it runs from here.
void Loop::Impl::hand_over(std::uint64_t id, Result<ByteSpan> piece) {
  Receiver* receiver = receivers_.find(id);
  receiver->ended = !piece || piece->empty();
  Arrived arrived = std::move(receiver->arrived);
  const bool was_armed = std::exchange(receiver->armed, true);  // keeps the entry meanwhile
  arrived(std::move(piece));
  receiver = receivers_.find(id);
  receiver->armed = was_armed;
  receiver->arrived = std::move(arrived);
}

}  // namespace shoal::sys
