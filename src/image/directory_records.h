// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "image/writer.h"

namespace shoal::image {

// What the first pass finds out about a directory and the second must know when it begins.
struct DirectoryRecord {
  std::uint64_t directory_bytes = 0;  // i_size
  std::int64_t mtime = 0;
  std::uint32_t links = 2;

  bool operator==(const DirectoryRecord&) const = default;
};

inline constexpr std::uint64_t kDirectoryRecordBytes = 24;

// Stores records by the directory's number in walk order. They arrive in the order directories
// close, which is nearly the order of their numbers: a window of records is gathered and written at
// once, a straggler (a directory closed after much content) goes straight to its place. confined.
class DirectoryRecordWriter {
 public:
  explicit DirectoryRecordWriter(Scratch& scratch);
  // Each number once.
  [[nodiscard]] Result<void> put(std::uint64_t number, const DirectoryRecord& record);
  [[nodiscard]] Result<void> flush();

 private:
  Scratch& scratch_;
  std::vector<std::byte> window_;
  std::uint64_t window_begin_ = 0;  // number of its first record
  std::uint64_t window_end_ = 0;    // behind the last record in it
};

// Reads them back in the order of their numbers. confined.
class DirectoryRecordReader {
 public:
  DirectoryRecordReader(Scratch& scratch, std::uint64_t count) : scratch_(scratch), count_(count) {}
  // precondition past `count`; corrupt when the scratch space lost a record.
  [[nodiscard]] Result<DirectoryRecord> next();

 private:
  Scratch& scratch_;
  std::uint64_t count_;
  std::uint64_t next_ = 0;
  std::vector<std::byte> window_;
  std::size_t window_used_ = 0;
};

}  // namespace shoal::image
