// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/request_slots.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "frontend/fuse/bounds.h"

namespace shoal::fuse {
namespace {

constexpr std::size_t kMappedBytes = bounds::kRequestSlots * bounds::kRequestBytes;

// The first word of a request is its length; 0 marks an empty slot. Atomic because a server may be
// killed at any instruction and the next one reads the word.
std::atomic_ref<std::uint32_t> length_of(MutableByteSpan slot) {
  return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(slot.data()));
}

}  // namespace

Result<RequestSlots> RequestSlots::open(const std::filesystem::path& path) {
  sys::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail(sys::errno_error(errno, "open " + path.string()));
  if (::ftruncate(file.get(), kMappedBytes) != 0)
    return fail(sys::errno_error(errno, "resize " + path.string()));
  void* memory = ::mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return fail(sys::errno_error(errno, "map " + path.string()));
  return RequestSlots(std::move(file), static_cast<std::byte*>(memory));
}

RequestSlots::RequestSlots(sys::Fd file, std::byte* memory)
    : file_(std::move(file)), memory_(memory) {
  free_.reserve(bounds::kRequestSlots);
  for (std::uint32_t i = bounds::kRequestSlots; i > 0; --i) free_.push_back(i - 1);
}

RequestSlots::RequestSlots(RequestSlots&& other) noexcept
    : file_(std::move(other.file_)),
      memory_(std::exchange(other.memory_, nullptr)),
      free_(std::move(other.free_)) {}

RequestSlots::~RequestSlots() {
  if (memory_ != nullptr) ::munmap(memory_, kMappedBytes);
}

std::vector<RequestSlots::Slot> RequestSlots::restored() {
  std::vector<Slot> slots;
  const std::lock_guard lock(mutex_);
  free_.clear();
  for (std::uint32_t i = bounds::kRequestSlots; i > 0; --i) {
    const MutableByteSpan bytes = bytes_of(i - 1);
    const std::uint32_t length = length_of(bytes).load(std::memory_order_acquire);
    if (length == 0 || length > bytes.size()) {
      length_of(bytes).store(0, std::memory_order_release);
      free_.push_back(i - 1);
    } else {
      slots.push_back({.index = i - 1, .bytes = bytes});
    }
  }
  return slots;
}

void RequestSlots::clear() {
  for (std::uint32_t i = 0; i < bounds::kRequestSlots; ++i)
    length_of(bytes_of(i)).store(0, std::memory_order_release);
}

bool RequestSlots::acquire(Slot& slot) {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return false;
  slot = {.index = free_.back(), .bytes = bytes_of(free_.back())};
  free_.pop_back();
  return true;
}

void RequestSlots::release(const Slot& slot) {
  // Empty before it can be taken again; the store is ordered after the answer's system call.
  length_of(slot.bytes).store(0, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  free_.push_back(slot.index);
}

std::uint32_t RequestSlots::in_use() const {
  const std::lock_guard lock(mutex_);
  return bounds::kRequestSlots - static_cast<std::uint32_t>(free_.size());
}

MutableByteSpan RequestSlots::bytes_of(std::uint32_t index) const {
  return {memory_ + index * bounds::kRequestBytes, bounds::kRequestBytes};
}

}  // namespace shoal::fuse
