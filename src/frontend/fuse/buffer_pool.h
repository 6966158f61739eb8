// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace shoal::fuse {

// Page-aligned memory for the answers to READ, in sizes that double from 4 KiB to 1 MiB, never more
// than a bound in total. Freed memory is kept for the next request of its size, so that a warm
// server neither asks the kernel for memory nor touches new pages.
//
// Thread model: synchronized. Buffers must be gone before the pool.
class BufferPool {
 public:
  class Buffer {
   public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::exchange(other.bytes_, {})) {}
    Buffer& operator=(Buffer&& other) noexcept;
    ~Buffer() { release(); }
    [[nodiscard]] bool valid() const noexcept { return pool_ != nullptr; }
    // At least the bytes asked for.
    [[nodiscard]] MutableByteSpan bytes() const noexcept { return bytes_; }
    void release();

   private:
    friend class BufferPool;
    Buffer(BufferPool* pool, MutableByteSpan bytes) : pool_(pool), bytes_(bytes) {}
    BufferPool* pool_ = nullptr;
    MutableByteSpan bytes_;
  };

  // `bytes_max`: at least the largest size.
  explicit BufferPool(std::uint64_t bytes_max);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // An invalid buffer when the bound is reached; try again once one was released. `bytes` is at
  // most bounds::kReadBytes.
  [[nodiscard]] Buffer acquire(std::size_t bytes);
  [[nodiscard]] std::uint64_t bytes_in_use() const;

 private:
  static constexpr std::size_t kClasses = 9;  // 4 KiB << 8 == 1 MiB
  void give_back(MutableByteSpan bytes);
  void drop_unused_locked();

  const std::uint64_t bytes_max_;
  mutable std::mutex mutex_;  // guards everything below
  std::array<std::vector<std::byte*>, kClasses> unused_;
  std::uint64_t bytes_allocated_ = 0;  // in use and unused
  std::uint64_t bytes_in_use_ = 0;
};

}  // namespace shoal::fuse
