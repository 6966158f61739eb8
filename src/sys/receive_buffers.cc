// SPDX-License-Identifier: Apache-2.0
#include "sys/receive_buffers.h"

#include <sys/mman.h>

namespace shoal::sys {
namespace {

// The ring of entries is followed by the buffers; both start on a page.
constexpr std::size_t kRingBytes = 4096;
static_assert(ReceiveBuffers::kCount * sizeof(io_uring_buf) <= kRingBytes);
constexpr std::size_t kMemoryBytes = kRingBytes + ReceiveBuffers::kCount * ReceiveBuffers::kBytes;

}  // namespace

bool ReceiveBuffers::register_with(io_uring& ring) {
  void* memory =
      mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<__u64>(memory);
  registration.ring_entries = kCount;
  registration.bgid = kGroup;
  if (io_uring_register_buf_ring(&ring, &registration, 0) != 0) {
    munmap(memory, kMemoryBytes);
    return false;
  }
  ring_ = static_cast<io_uring_buf_ring*>(memory);
  memory_ = static_cast<std::byte*>(memory) + kRingBytes;
  io_uring_buf_ring_init(ring_);
  for (unsigned i = 0; i < kCount; ++i) give_back(static_cast<int>(i));
  return true;
}

ReceiveBuffers::~ReceiveBuffers() {
  if (ring_ != nullptr) munmap(ring_, kMemoryBytes);
}

void ReceiveBuffers::give_back(int buffer) {
  io_uring_buf_ring_add(ring_, memory_ + static_cast<std::size_t>(buffer) * kBytes, kBytes,
                        static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(kCount), 0);
  io_uring_buf_ring_advance(ring_, 1);
}

}  // namespace shoal::sys
