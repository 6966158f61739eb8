// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "sys/file.h"

namespace shoal::sys {

// What tells whether a regular file is still the one that was looked at, with the same bytes.
struct FileIdentity {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;  // since 1970
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

// Follows links. not_found, permission; bad_input for anything but a regular file.
[[nodiscard]] Result<FileIdentity> identity_of(const std::filesystem::path& path);
[[nodiscard]] Result<FileIdentity> identity_of(const File& file);

// Opens a regular file for reading without ever waiting for a writer, as a FIFO would make it.
[[nodiscard]] Result<File> open_regular(const std::filesystem::path& path);

// Fills `target` from `offset` as far as the file goes; returns the bytes read.
[[nodiscard]] Result<std::size_t> read_up_to(const File& file, std::uint64_t offset,
                                             MutableByteSpan target);

// Makes `target` (empty) a copy of `source`'s first `bytes` bytes: sharing blocks where the file
// system can (FICLONE), else in the kernel (copy_file_range), else by reading and writing.
[[nodiscard]] Result<void> copy_content(const File& source, const File& target,
                                        std::uint64_t bytes);

}  // namespace shoal::sys
