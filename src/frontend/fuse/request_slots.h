// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::fuse {

// The memory requests are read into, in a file that outlives the server: the kernel copies each
// request straight into its slot, and the slot is emptied only after the answer was written. So
// after a kill -9 the slots hold exactly the requests the kernel still waits for, and on kernels
// that cannot send them again (before 6.9) the next server answers them from here. Every request to
// this read-only file system may be answered twice: the kernel ignores the second answer.
//
// The number of slots is also the bound on requests in flight.
//
// Thread model: synchronized (acquire, release); restored() before either.
class RequestSlots {
 public:
  struct Slot {
    std::uint32_t index = 0;
    MutableByteSpan bytes;
  };

  // Maps `path`, made if missing; what an earlier server left there is kept for restored().
  [[nodiscard]] static Result<RequestSlots> open(const std::filesystem::path& path);
  RequestSlots(RequestSlots&& other) noexcept;
  ~RequestSlots();

  // Slots whose request was not answered, each to be released by the caller; the rest are free.
  [[nodiscard]] std::vector<Slot> restored();
  // Forgets what an earlier server left.
  void clear();

  // False when every slot is taken.
  [[nodiscard]] bool acquire(Slot& slot);
  // The request is answered, or none was read.
  void release(const Slot& slot);
  [[nodiscard]] std::uint32_t in_use() const;

 private:
  RequestSlots(sys::Fd file, std::byte* memory);
  [[nodiscard]] MutableByteSpan bytes_of(std::uint32_t index) const;

  sys::Fd file_;
  std::byte* memory_ = nullptr;
  mutable std::mutex mutex_;         // guards free_
  std::vector<std::uint32_t> free_;  // taken from the back, so that few slots stay warm
};

}  // namespace shoal::fuse
