// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "format/layout.h"
#include "index/index.h"

// Writes the metadata region of an EROFS image from an index, in two streaming passes over it:
// the first sizes the directories, the second writes inodes and directory blocks. Memory is one
// block per open directory level, whatever the number of files. Same index, same options: same
// bytes.

namespace shoal::image {

// Where the image's bytes go; positions are image offsets. Bytes never written read as zero.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<void> write(std::uint64_t offset, ByteSpan bytes) = 0;
};
// Scratch space for what the first pass tells the second: 40 bytes per directory.
class Scratch {
 public:
  virtual ~Scratch() = default;
  virtual Result<void> write(std::uint64_t offset, ByteSpan bytes) = 0;
  virtual Result<void> read(std::uint64_t offset, MutableByteSpan target) = 0;  // exact
};

struct WriteOptions {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t file_mode = 0444;  // permission bits
  std::uint32_t directory_mode = 0555;
};

struct WriteResult {
  std::uint64_t metadata_bytes = 0;  // used part of the metadata region
  std::uint64_t image_bytes = 0;     // kDataRegionStart + data region
  std::uint64_t inodes = 0;
};

// `index` holds a finished generation and is not changed meanwhile. Fails with limit when the
// metadata would not fit below kDataRegionStart.
[[nodiscard]] Result<WriteResult> write_image(const index::Index& index, Sink& sink,
                                              Scratch& scratch, const WriteOptions& options);

}  // namespace shoal::image
