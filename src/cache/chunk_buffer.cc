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
  trim(0);
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
      // Not malloc: pages come and go back one by one.
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
  if (fresh > 0) make_ready(buffer, first, last);
  buffer.pages_.add(first, last);
  return true;
}

// Charges `bytes`; what is kept makes room.
bool BufferPool::take(std::uint64_t bytes, std::uint32_t percent) {
  if (share_.take(bytes, percent)) return true;
  if (kept_bytes_ == 0) return false;
  trim(0);
  return share_.take(bytes, percent);
}

// The pages of [first, last) that are not reserved yet; their stale ones are charged twice before.
void BufferPool::make_ready(ChunkBuffer& buffer, std::uint32_t first, std::uint32_t last) {
  std::uint64_t reused = 0;
  for (std::uint32_t page = first; page < last;) {
    const bool is_reserved = buffer.pages_.contains(page);
    const bool is_stale = buffer.stale_.contains(page);
    std::uint32_t end = page + 1;
    while (end < last && buffer.pages_.contains(end) == is_reserved &&
           buffer.stale_.contains(end) == is_stale)
      ++end;
    const std::size_t bytes = std::size_t{end - page} * kPageBytes;
    // All at once: a fault for each page costs several times as much. Before Linux 5.14, as they
    // come.
    if (is_stale)
      reused += bytes;
    else if (!is_reserved)
      madvise(buffer.data_ + std::size_t{page} * kPageBytes, bytes, MADV_POPULATE_WRITE);
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
  trim(used_bytes() == 0 ? 0 : kept_bytes_max_);
}

// Gives memory of released buffers back, of the oldest first, and address space that is more than
// is needed.
void BufferPool::trim(std::uint64_t kept_bytes_max) {
  const std::size_t surplus = spare_.size() - std::min(spare_.size(), kSpareMax);
  for (std::size_t i = 0; i < spare_.size(); ++i) {
    if (i >= surplus && kept_bytes_ <= kept_bytes_max) break;
    Spare& spare = spare_[i];
    const std::uint64_t given = std::uint64_t{spare.stale.count()} * kPageBytes;
    kept_bytes_ -= given;
    share_.give(given);
    if (i < surplus) {
      munmap(spare.data, chunk_bytes_);
    } else if (given > 0) {
      madvise(spare.data, chunk_bytes_, MADV_DONTNEED);
      spare.stale = BlockSet(chunk_bytes_ / kPageBytes);
    }
  }
  spare_.erase(spare_.begin(), spare_.begin() + static_cast<std::ptrdiff_t>(surplus));
}

}  // namespace shoal::cache
