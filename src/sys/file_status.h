// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

// What the kernel knows about files by name: kind, identity, who writes them.

namespace shoal::sys {

struct FileStatus {
  enum class Kind : std::uint8_t { file, directory, link, socket, fifo, device };
  Kind kind = Kind::file;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  std::uint64_t links = 0;  // names of the file

  // Not written, replaced or renamed in between, as far as times can tell.
  [[nodiscard]] bool is_same_content(const FileStatus& other) const {
    return size == other.size && mtime_ns == other.mtime_ns && ctime_ns == other.ctime_ns &&
           inode == other.inode && device == other.device;
  }
};

// `follow`: a link's status is that of what it leads to.
[[nodiscard]] Result<FileStatus> file_status(const std::filesystem::path& path, bool follow);

// The names in a directory but "." and "..", in no order.
[[nodiscard]] Result<std::vector<std::string>> directory_names(
    const std::filesystem::path& directory);

// Whether any process has a regular file open for writing (or mapped so). Found out by a lease
// held for a moment; needs to own the file or CAP_LEASE, and a file system that has leases.
enum class Writers : std::uint8_t { none, some, not_known };
[[nodiscard]] Result<Writers> writers_of(const std::filesystem::path& path);

// Unlinks `path` if it still is the file that `expected` says and, as far as can be known, nobody
// writes it; who opens it for writing meanwhile waits until it is gone. False: it is another file,
// changed, or being written, and stays. Only a rename over the very name within the microseconds
// between the last look and the unlink is not noticed.
[[nodiscard]] Result<bool> unlink_unchanged(const std::filesystem::path& path,
                                            const FileStatus& expected);

}  // namespace shoal::sys
