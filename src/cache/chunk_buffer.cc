// SPDX-License-Identifier: Apache-2.0
#include "cache/chunk_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
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
// About what one reader has in front of it; of a small budget, a share nobody misses.
constexpr std::uint64_t kKeptBytesMax = 32u << 20;
constexpr std::uint64_t kKeptShare = 8;

}  // namespace

ChunkBuffer::ChunkBuffer(ChunkBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      pages_(std::move(other.pages_)),
      stale_(std::move(other.stale_)) {}

ChunkBuffer& ChunkBuffer::operator=(ChunkBuffer&& other) noexcept {
  SHOAL_ASSERT(data_ == nullptr);
  data_ = std::exchange(other.data_, nullptr);
  pages_ = std::move(other.pages_);
  stale_ = std::move(other.stale_);
  return *this;
}

ChunkBuffer::~ChunkBuffer() {
  SHOAL_ASSERT(data_ == nullptr);
}

BufferPool::BufferPool(Budget& budget, std::uint32_t chunk_bytes)
    : chunk_bytes_(static_cast<std::uint32_t>(round_up(chunk_bytes, kPageBytes))),
      share_(budget),
      kept_bytes_max_(std::min(kKeptBytesMax, budget.maximum() / kKeptShare)) {}

BufferPool::~BufferPool() {
  trim();
  for (const Spare& spare : spare_) munmap(spare.data, chunk_bytes_);
}

bool BufferPool::reserve(ChunkBuffer& buffer, std::uint32_t begin, std::uint32_t end,
                         std::uint32_t percent) {
  const std::uint32_t first = begin / kGroupBytes * kGroupPages;
  const std::uint32_t last =
      std::min((end + kGroupBytes - 1) / kGroupBytes * kGroupPages, chunk_bytes_ / kPageBytes);
  const std::uint32_t fresh =
      buffer ? last - first - buffer.pages_.count(first, last) : last - first;
  if (!take(std::uint64_t{fresh} * kPageBytes, percent)) return false;
  if (!buffer) {
    if (spare_.empty()) {
      // Not malloc: only fresh mappings are lazily zero, and pages go back one by one.
      void* memory = mmap(nullptr, chunk_bytes_, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      SHOAL_ASSERT(memory != MAP_FAILED);  // address space, not memory: cannot run out
      spare_.push_back({static_cast<std::byte*>(memory), BlockSet(chunk_bytes_ / kPageBytes)});
    }
    buffer.data_ = spare_.back().data;
    buffer.stale_ = std::move(spare_.back().stale);
    spare_.pop_back();
    buffer.pages_ = BlockSet(chunk_bytes_ / kPageBytes);
  }
  if (fresh > 0) make_zero(buffer, first, last);
  buffer.pages_.add(first, last);
  return true;
}

// Charges `bytes`; what is kept makes room.
bool BufferPool::take(std::uint64_t bytes, std::uint32_t percent) {
  if (share_.take(bytes, percent)) return true;
  if (kept_bytes_ == 0) return false;
  trim();
  return share_.take(bytes, percent);
}

// The pages of [first, last) that are not reserved yet; their stale ones are charged twice before.
void BufferPool::make_zero(ChunkBuffer& buffer, std::uint32_t first, std::uint32_t last) {
  std::uint64_t reused = 0;
  for (std::uint32_t page = first; page < last;) {
    const bool is_reserved = buffer.pages_.contains(page);
    const bool is_stale = buffer.stale_.contains(page);
    std::uint32_t end = page + 1;
    while (end < last && buffer.pages_.contains(end) == is_reserved &&
           buffer.stale_.contains(end) == is_stale)
      ++end;
    std::byte* begin = buffer.data_ + std::size_t{page} * kPageBytes;
    const std::size_t bytes = std::size_t{end - page} * kPageBytes;
    if (is_stale) {
      std::memset(begin, 0, bytes);
      reused += bytes;
    } else if (!is_reserved) {
      // All at once: a fault for each page costs several times as much. Before Linux 5.14, as they
      // come.
      madvise(begin, bytes, MADV_POPULATE_WRITE);
    }
    page = end;
  }
  buffer.stale_.remove(first, last);
  kept_bytes_ -= reused;
  share_.give(reused);
}

void BufferPool::release(ChunkBuffer& buffer) {
  if (!buffer) return;
  kept_bytes_ += std::uint64_t{buffer.pages_.count()} * kPageBytes;
  Spare spare{std::exchange(buffer.data_, nullptr), std::move(buffer.stale_)};
  spare.stale |= buffer.pages_;
  buffer.pages_ = BlockSet();
  buffer.stale_ = BlockSet();
  spare_.push_back(std::move(spare));
  if (kept_bytes_ > kept_bytes_max_ || used_bytes() == 0) trim();
}

// Gives the memory of all released buffers back, and address space that is more than is needed.
void BufferPool::trim() {
  std::uint64_t given = 0;
  for (Spare& spare : spare_) {
    if (spare.stale.empty()) continue;
    given += std::uint64_t{spare.stale.count()} * kPageBytes;
    madvise(spare.data, chunk_bytes_, MADV_DONTNEED);
    spare.stale = BlockSet(chunk_bytes_ / kPageBytes);
  }
  kept_bytes_ -= given;
  share_.give(given);
  while (spare_.size() > kSpareMax) {
    munmap(spare_.back().data, chunk_bytes_);
    spare_.pop_back();
  }
}

}  // namespace shoal::cache
