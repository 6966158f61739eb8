// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cache/block_set.h"
#include "cache/budget.h"

namespace shoal::cache {

class BufferPool;

// Memory for one chunk: address space for all of it, real memory and budget only for the groups of
// 16 pages that were reserved. What reserved memory holds is undefined: perhaps bytes of another
// chunk. Belongs to its pool's thread; give back with release().
class ChunkBuffer {
 public:
  ChunkBuffer() = default;
  ChunkBuffer(ChunkBuffer&& other) noexcept;
  ChunkBuffer& operator=(ChunkBuffer&& other) noexcept;
  ~ChunkBuffer();
  [[nodiscard]] explicit operator bool() const noexcept { return data_ != nullptr; }
  [[nodiscard]] std::byte* data() const noexcept { return data_; }

 private:
  friend class BufferPool;
  std::byte* data_ = nullptr;
  BlockSet pages_;  // reserved
  BlockSet stale_;  // not reserved, but memory with the bytes of a chunk before
};

// Chunk buffers of one thread, charged to a shared budget by touched pages. The memory of released
// buffers is kept for the next ones, charged as long, until others need it or no buffer is in use:
// a page that the kernel gives out anew is cleared, and in a virtual machine often fetched from the
// host (2 to 8 us where this was measured, more than everything else done with it). confined.
class BufferPool {
 public:
  BufferPool(Budget& budget, std::uint32_t chunk_bytes);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // Makes bytes [begin, end) of the chunk usable; false when `percent` of the budget has no room.
  // An empty `buffer` gets its address space here.
  [[nodiscard]] bool reserve(ChunkBuffer& buffer, std::uint32_t begin, std::uint32_t end,
                             std::uint32_t percent);
  void release(ChunkBuffer& buffer);
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return share_.used() - kept_bytes_; }

 private:
  struct Spare {
    std::byte* data = nullptr;
    BlockSet stale;  // as in ChunkBuffer
  };
  [[nodiscard]] bool take(std::uint64_t bytes, std::uint32_t percent);
  void make_ready(ChunkBuffer& buffer, std::uint32_t first, std::uint32_t last);
  void trim(std::uint64_t kept_bytes_max);

  std::uint32_t chunk_bytes_;
  BudgetShare share_;
  const std::uint64_t kept_bytes_max_;
  std::vector<Spare> spare_;      // for the next chunk; the last one was used last
  std::uint64_t kept_bytes_ = 0;  // of stale pages, in spare_ and in buffers
};

}  // namespace shoal::cache
