// SPDX-License-Identifier: Apache-2.0
#include "sys/ring.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "sys/receive_buffers.h"

namespace shoal::sys {
namespace {

constexpr std::uint32_t kQueueDepthMin = 64;  // less is not worth running

// Best first; each kernel refuses with EINVAL what it does not know. DEFER_TASKRUN (6.1) runs
// completions only when the loop asks for them, so the loop is never interrupted in the middle of a
// callback; COOP_TASKRUN (5.19) at least saves the inter-processor interrupt.
constexpr std::array<unsigned, 3> kSetupFlags = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED,
    IORING_SETUP_COOP_TASKRUN,
    0,
};

Error setup_error(int error) {
  std::string message = "io_uring_setup: " + std::string(std::strerror(error));
  switch (error) {
    case EPERM:
      return Error(
          ErrorCode::unsupported, std::move(message),
          "The system forbids io_uring: set sysctl kernel.io_uring_disabled=0, or allow "
          "io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp "
          "profile.");
    case ENOSYS:
    case EINVAL:
      return Error(ErrorCode::unsupported, std::move(message),
                   "Linux 5.13 or later with CONFIG_IO_URING is needed; in a container the seccomp "
                   "profile must allow io_uring_setup, io_uring_enter and io_uring_register.");
    case ENOMEM:
      return Error(ErrorCode::limit, std::move(message),
                   "Raise the locked memory limit (ulimit -l, systemd LimitMEMLOCK=).");
    case EMFILE:
    case ENFILE:
      return Error(ErrorCode::limit, std::move(message),
                   "Raise the open files limit (ulimit -n, systemd LimitNOFILE=).");
    default:
      return Error(ErrorCode::io, std::move(message));
  }
}

// A refusal of io_uring_enter that no caller can act on: a ring used from a second thread, or
// memory of ours that went bad.
[[noreturn]] void enter_failed(int error) {
  std::fprintf(stderr, "io_uring_enter: %s; a Loop may be run by one thread only\n",
               std::strerror(error));
  std::abort();
}

bool is_transient(int error) {
  // EBUSY: the completion queue overflowed, take completions first. EAGAIN: no memory just now.
  return error == EINTR || error == ETIME || error == EAGAIN || error == EBUSY;
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::create(std::uint32_t queue_depth) {
  int error = EINVAL;
  for (const unsigned flags : kSetupFlags) {
    // Kernels before 5.12 charge the ring to the locked memory limit (often 64 KiB to 8 MiB); a
    // shallower ring still works, because what does not fit waits in the backlog.
    for (std::uint32_t depth = queue_depth; depth >= kQueueDepthMin; depth /= 2) {
      std::unique_ptr<Ring> ring(new Ring);
      io_uring_params params{};
      params.flags = flags | IORING_SETUP_CLAMP;
      error = -io_uring_queue_init_params(depth, &ring->ring_, &params);
      if (error == 0) {
        ring->disabled_ = (flags & IORING_SETUP_R_DISABLED) != 0;
        return ring;
      }
      ring->ring_.ring_fd = -1;
      if (error != ENOMEM) break;
    }
    if (error != EINVAL) break;
  }
  return fail(setup_error(error));
}

Ring::~Ring() {
  if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
}

io_uring_sqe* Ring::prepare() {
  if (backlog_.empty()) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr && !disabled_) {
      submit();
      entry = io_uring_get_sqe(&ring_);
    }
    if (entry != nullptr) return entry;
  }
  return &backlog_.emplace_back();
}

void Ring::enter() {
  if (!disabled_) return;
  // liburing 2.3 declares io_uring_enable_rings without exporting it.
  if (syscall(SYS_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) != 0)
    enter_failed(errno);
  disabled_ = false;
}

void Ring::submit() {
  if (const int result = io_uring_submit(&ring_); result < 0 && !is_transient(-result))
    enter_failed(-result);
}

void Ring::flush_backlog() {
  while (!backlog_.empty()) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      submit();
      entry = io_uring_get_sqe(&ring_);
    }
    if (entry == nullptr) return;  // the kernel is busy; completions come first
    *entry = backlog_.front();
    backlog_.pop_front();
  }
}

void Ring::submit_and_wait(Duration timeout) {
  flush_backlog();
  int result = 0;
  if (timeout <= Duration::zero() || !backlog_.empty()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else if (timeout == Duration::max()) {
    result = io_uring_submit_and_wait(&ring_, 1);
  } else {
    const auto nanoseconds = std::chrono::nanoseconds(timeout).count();
    __kernel_timespec limit{};
    limit.tv_sec = nanoseconds / 1'000'000'000;
    limit.tv_nsec = nanoseconds % 1'000'000'000;
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
  }
  if (result < 0 && !is_transient(-result)) enter_failed(-result);
}

bool Ring::use_buffers(ReceiveBuffers& buffers) {
  // Multishot receives came one version after the buffer rings; SINGLE_ISSUER came with them.
  if ((ring_.flags & IORING_SETUP_SINGLE_ISSUER) == 0) return false;
  return buffers.register_with(ring_);
}

std::size_t Ring::take(std::span<Completion> completions) {
  std::size_t count = 0;
  unsigned seen = 0;
  unsigned head = 0;
  io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(&ring_, head, entry) {
    if (count == completions.size()) break;
    ++seen;
    // The timeout that liburing submits itself where the kernel has no IORING_ENTER_EXT_ARG.
    if (entry->user_data == LIBURING_UDATA_TIMEOUT) continue;
    const bool has_buffer = (entry->flags & IORING_CQE_F_BUFFER) != 0;
    completions[count++] = {
        entry->user_data, entry->res, (entry->flags & IORING_CQE_F_MORE) != 0,
        has_buffer ? static_cast<int>(entry->flags >> IORING_CQE_BUFFER_SHIFT) : -1};
  }
  io_uring_cq_advance(&ring_, seen);
  return count;
}

}  // namespace shoal::sys
