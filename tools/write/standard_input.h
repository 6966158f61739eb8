// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::tools::write {

// Bytes of a descriptor that may be a pipe. Fills `target` unless the end comes first; returns how
// many bytes. Fails with canceled when `stop` is set while it waits.
[[nodiscard]] Result<std::size_t> read_fully(int fd, MutableByteSpan target,
                                             const std::atomic<bool>& stop);

// All of a descriptor: in memory when it is at most `memory_bytes_max`, else in a file without a
// name in `directory`, which is reached through /proc while this object lives. Fails with limit
// beyond `bytes_max`.
struct Spooled {
  std::vector<std::byte> bytes;  // when there is no file
  sys::Fd file;
  std::uint64_t size = 0;
  [[nodiscard]] std::filesystem::path path() const;
};
struct SpoolBounds {
  std::filesystem::path directory;
  std::uint64_t memory_bytes_max = 0;
  std::uint64_t bytes_max = 0;
};
[[nodiscard]] Result<Spooled> spool(int fd, const SpoolBounds& bounds,
                                    const std::atomic<bool>& stop);

}  // namespace shoal::tools::write
