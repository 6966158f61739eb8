// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/executor.h"
#include "base/result.h"
#include "sys/loop.h"

namespace shoal::cache {

// Asynchronous positioned reads and writes of local files; an interface so that the simulator can
// delay, fail and tear them. confined to one executor.
class FileIo {
 public:
  using Done = std::move_only_function<void(Result<std::size_t>)>;
  virtual ~FileIo() = default;
  // Fills `target` without waiting for a disk; false when that is not possible (target then holds
  // anything).
  [[nodiscard]] virtual bool read_now(int fd, MutableByteSpan target, std::uint64_t offset) = 0;
  // Memory is borrowed until `done`; a read is short only at the end of the file, a write never is.
  virtual void read(int fd, MutableByteSpan target, std::uint64_t offset, Done done) = 0;
  virtual void write(int fd, ByteSpan source, std::uint64_t offset, Done done) = 0;
};

// On a ring; `loop` outlives it.
class LoopFileIo final : public FileIo {
 public:
  explicit LoopFileIo(sys::Loop& loop) : loop_(loop) {}
  bool read_now(int fd, MutableByteSpan target, std::uint64_t offset) override;
  void read(int fd, MutableByteSpan target, std::uint64_t offset, Done done) override;
  void write(int fd, ByteSpan source, std::uint64_t offset, Done done) override;

 private:
  sys::Loop& loop_;
};

}  // namespace shoal::cache
