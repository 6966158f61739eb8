// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "sys/file.h"

namespace shoal::volume {

// A file of paths relative to the dataset: one per line, or, when there is a zero byte in its first
// 64 KiB, each ended by a zero byte (`find -print0`). Empty ones, a leading "./" or "/" and a
// carriage return before a line end do not count. Read piece by piece, so its length does not
// matter. confined. Blocks.
class PathList {
 public:
  static constexpr std::size_t kPathBytesMax = 4096;
  [[nodiscard]] static Result<PathList> open(const std::filesystem::path& file);
  // False at the end. Fails with bad_input when an entry is longer than any path.
  [[nodiscard]] Result<bool> next(std::string& path);

 private:
  PathList(sys::File file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  [[nodiscard]] Result<void> read_more();

  sys::File file_;
  std::uint64_t size_;
  std::uint64_t read_ = 0;
  std::uint64_t entries_ = 0;
  char separator_ = '\n';
  std::string text_;  // what was read and not handed out begins at begin_
  std::size_t begin_ = 0;
};

}  // namespace shoal::volume
