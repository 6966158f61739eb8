// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <liburing.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "base/clock.h"
#include "base/result.h"

namespace shoal::sys {

class ReceiveBuffers;

// An io_uring with an overflow queue in user space, so that preparing an operation never fails.
// confined to the first thread that enters it (see enter()); preparing is allowed before that.
class Ring {
 public:
  struct Completion {
    std::uint64_t user_data = 0;
    int result = 0;
    bool more = false;  // a multishot operation stays armed
    int buffer = -1;    // of the ReceiveBuffers, when the kernel filled one
  };

  [[nodiscard]] static Result<std::unique_ptr<Ring>> create(std::uint32_t queue_depth);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // An empty entry to prepare; it is submitted by the next wait(). Valid until the next call.
  [[nodiscard]] io_uring_sqe* prepare();
  // Binds the ring to the calling thread at its first call.
  void enter();
  // Submits what was prepared. With a timeout, waits until an operation completes or it passes;
  // Duration::max() waits without end; zero does not wait.
  void submit_and_wait(Duration timeout);
  // Takes completions that are there, at most completions.size(); returns how many.
  [[nodiscard]] std::size_t take(std::span<Completion> completions);

  // Buffers the kernel chooses from when bytes arrive. False when it cannot (before Linux 6.0).
  // Only after enter().
  [[nodiscard]] bool use_buffers(ReceiveBuffers& buffers);

 private:
  Ring() = default;
  void flush_backlog();
  void submit();

  io_uring ring_{};
  bool disabled_ = false;             // created with IORING_SETUP_R_DISABLED, not entered yet
  std::deque<io_uring_sqe> backlog_;  // prepared while the submission queue was full
};

}  // namespace shoal::sys
