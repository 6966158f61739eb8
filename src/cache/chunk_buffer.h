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
// 16 pages that were reserved. Fresh pages read as zero. Belongs to its pool's thread; give back
// with release().
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
  BlockSet pages_;
};

// Chunk buffers of one thread, charged to a shared budget by touched pages. confined.
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
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return share_.used(); }

 private:
  std::uint32_t chunk_bytes_;
  BudgetShare share_;
  std::vector<std::byte*> spare_;  // address space without pages, for the next chunk
};

}  // namespace shoal::cache
