// SPDX-License-Identifier: Apache-2.0
#include "cache/chunk_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"

namespace shoal::cache {
namespace {

constexpr std::uint32_t kPageBytes = 4096;
// Given out and charged together: several small objects, which usually come one after the other.
constexpr std::uint32_t kGroupPages = 16;
constexpr std::uint32_t kGroupBytes = kGroupPages * kPageBytes;
constexpr std::size_t kSpareMax = 64;  // address space is cheap, mmap under load is not

}  // namespace

ChunkBuffer::ChunkBuffer(ChunkBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), pages_(std::move(other.pages_)) {}

ChunkBuffer& ChunkBuffer::operator=(ChunkBuffer&& other) noexcept {
  SHOAL_ASSERT(data_ == nullptr);
  data_ = std::exchange(other.data_, nullptr);
  pages_ = std::move(other.pages_);
  return *this;
}

ChunkBuffer::~ChunkBuffer() {
  SHOAL_ASSERT(data_ == nullptr);
}

BufferPool::BufferPool(Budget& budget, std::uint32_t chunk_bytes)
    : chunk_bytes_(static_cast<std::uint32_t>(round_up(chunk_bytes, kPageBytes))), share_(budget) {}

BufferPool::~BufferPool() {
  for (std::byte* data : spare_) munmap(data, chunk_bytes_);
}

bool BufferPool::reserve(ChunkBuffer& buffer, std::uint32_t begin, std::uint32_t end,
                         std::uint32_t percent) {
  const std::uint32_t first = begin / kGroupBytes * kGroupPages;
  const std::uint32_t last =
      std::min((end + kGroupBytes - 1) / kGroupBytes * kGroupPages, chunk_bytes_ / kPageBytes);
  const std::uint32_t fresh =
      buffer ? last - first - buffer.pages_.count(first, last) : last - first;
  if (!share_.take(std::uint64_t{fresh} * kPageBytes, percent)) return false;
  if (!buffer) {
    if (spare_.empty()) {
      // Not malloc: only fresh mappings are lazily zero, and pages go back one by one.
      void* memory = mmap(nullptr, chunk_bytes_, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      SHOAL_ASSERT(memory != MAP_FAILED);  // address space, not memory: cannot run out
      spare_.push_back(static_cast<std::byte*>(memory));
    }
    buffer.data_ = spare_.back();
    spare_.pop_back();
    buffer.pages_ = BlockSet(chunk_bytes_ / kPageBytes);
  }
  buffer.pages_.add(first, last);
  // All at once: a fault for each page costs several times as much. Before Linux 5.14, as they
  // come.
  if (fresh > 0)
    madvise(buffer.data_ + std::size_t{first} * kPageBytes, std::size_t{last - first} * kPageBytes,
            MADV_POPULATE_WRITE);
  return true;
}

void BufferPool::release(ChunkBuffer& buffer) {
  if (!buffer) return;
  share_.give(std::uint64_t{buffer.pages_.count()} * kPageBytes);
  std::byte* data = std::exchange(buffer.data_, nullptr);
  // The pages leave at once and the next user finds zeros again.
  if (spare_.size() < kSpareMax && madvise(data, chunk_bytes_, MADV_DONTNEED) == 0)
    spare_.push_back(data);
  else
    munmap(data, chunk_bytes_);
  buffer.pages_ = BlockSet();
}

}  // namespace shoal::cache
