// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <liburing.h>

#include <cstddef>

#include "base/bytes.h"

namespace shoal::sys {

// A ring of equal buffers from which the kernel takes one when bytes arrive, so that a thousand
// quiet connections hold no memory. confined. Must outlive the io_uring's operations on it.
class ReceiveBuffers {
 public:
  static constexpr unsigned kCount = 256;           // pieces between two looks at the completions
  static constexpr std::size_t kBytes = 16u << 10;  // of one: 1 MiB of a body is 64 pieces
  static constexpr unsigned short kGroup = 1;       // the only group of a loop's ring

  ReceiveBuffers() = default;
  ~ReceiveBuffers();
  ReceiveBuffers(const ReceiveBuffers&) = delete;
  ReceiveBuffers& operator=(const ReceiveBuffers&) = delete;

  // False when there is no memory or the kernel knows no such thing.
  [[nodiscard]] bool register_with(io_uring& ring);
  [[nodiscard]] ByteSpan bytes(int buffer, std::size_t size) const {
    return {memory_ + static_cast<std::size_t>(buffer) * kBytes, size};
  }
  // The kernel may fill it again.
  void give_back(int buffer);

 private:
  io_uring_buf_ring* ring_ = nullptr;
  std::byte* memory_ = nullptr;
};

}  // namespace shoal::sys
