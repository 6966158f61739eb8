// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/buffer_pool.h"

#include <bit>
#include <new>

#include "base/assert.h"
#include "frontend/fuse/bounds.h"

namespace shoal::fuse {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::align_val_t kAlignment{kPageBytes};

std::size_t class_of(std::size_t bytes) {
  return static_cast<std::size_t>(std::bit_width((bytes - 1) / kPageBytes));
}

}  // namespace

static_assert(kPageBytes << 8 == bounds::kReadBytes, "the largest class is the largest READ");

BufferPool::Buffer& BufferPool::Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    release();
    pool_ = std::exchange(other.pool_, nullptr);
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

void BufferPool::Buffer::release() {
  if (pool_ != nullptr) std::exchange(pool_, nullptr)->give_back(std::exchange(bytes_, {}));
}

BufferPool::BufferPool(std::uint64_t bytes_max) : bytes_max_(bytes_max) {
  SHOAL_ASSERT(bytes_max >= bounds::kReadBytes);
}

BufferPool::~BufferPool() {
  SHOAL_ASSERT(bytes_in_use_ == 0);
  drop_unused_locked();
}

BufferPool::Buffer BufferPool::acquire(std::size_t bytes) {
  SHOAL_ASSERT(bytes > 0 && bytes <= bounds::kReadBytes);
  const std::size_t index = class_of(bytes);
  const std::size_t class_bytes = kPageBytes << index;
  const std::lock_guard lock(mutex_);
  auto& unused = unused_[index];
  std::byte* memory = nullptr;
  if (!unused.empty()) {
    memory = unused.back();
    unused.pop_back();
  } else {
    if (bytes_allocated_ + class_bytes > bytes_max_) drop_unused_locked();
    if (bytes_allocated_ + class_bytes > bytes_max_) return {};
    memory = static_cast<std::byte*>(::operator new(class_bytes, kAlignment));
    bytes_allocated_ += class_bytes;
  }
  bytes_in_use_ += class_bytes;
  return {this, MutableByteSpan(memory, class_bytes)};
}

std::uint64_t BufferPool::bytes_in_use() const {
  const std::lock_guard lock(mutex_);
  return bytes_in_use_;
}

void BufferPool::give_back(MutableByteSpan bytes) {
  const std::lock_guard lock(mutex_);
  unused_[class_of(bytes.size())].push_back(bytes.data());
  bytes_in_use_ -= bytes.size();
}

void BufferPool::drop_unused_locked() {
  for (std::size_t index = 0; index < kClasses; ++index) {
    for (std::byte* memory : unused_[index]) {
      ::operator delete(memory, kAlignment);
      bytes_allocated_ -= kPageBytes << index;
    }
    unused_[index].clear();
  }
}

}  // namespace shoal::fuse
