// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "index/index.h"

// Writes the metadata region of an EROFS image from an index, in two streaming passes over it:
// the first sizes the directories, the second writes inodes and directory blocks. Memory is one
// block per open directory level, whatever the number of files. Same index, same options: same
// bytes.
//
//   0          zeros
//   1024       superblock
//   4096       directory blocks, directories in walk order, each directory contiguous
//   ...        inodes of 64 bytes in walk order, the root first; slot 0 stays empty; behind a
//              directory's inode its entries, as far as they fill no block
//   ... 64 GiB nothing (metadata_bytes ends at a multiple of 4096)
//   64 GiB     data region: objects at their data addresses
//
// So inode order = walk order = data order. Every inode is extended, of files flat-plain, of
// directories flat-plain or flat-inline: readers of any age understand it, and 32 bytes more per
// file cost little beside the objects themselves. A directory of one file costs two inodes and 64
// bytes. The inodes come last because only when a directory closes it is known how much follows its
// inode, and with that where the next ones lie.

namespace shoal::image {

// Where the image's bytes go; positions are image offsets. Bytes never written read as zero.
class Sink {
 public:
  virtual ~Sink() = default;
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, ByteSpan bytes) = 0;
};
// Scratch space for what the first pass tells the second: 24 bytes per directory. Bytes never
// written read as zero below the highest one written.
class Scratch {
 public:
  virtual ~Scratch() = default;
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, ByteSpan bytes) = 0;
  [[nodiscard]] virtual Result<void> read(std::uint64_t offset,
                                          MutableByteSpan target) = 0;  // exact
};

struct WriteOptions {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t file_mode = 0444;  // permission bits
  std::uint32_t directory_mode = 0555;
  // Borrowed. Once it is true the writer stops and returns canceled. No part of the image.
  const std::atomic<bool>* stop = nullptr;
};

struct WriteResult {
  std::uint64_t metadata_bytes = 0;  // used part of the metadata region
  std::uint64_t image_bytes = 0;     // kDataRegionStart + data region
  std::uint64_t inodes = 0;
};

// `index` holds a finished generation and is not changed meanwhile. Files carry their objects'
// mtime; a directory carries the newest mtime of its marker and anything below it.
// Fails with: precondition (no finished generation, or the index changed meanwhile), limit (the
// metadata would not fit below kDataRegionStart), corrupt (entries out of walk order, names that no
// file can have, objects outside the data region), bad_input (modes), canceled, and whatever sink
// and scratch fail with. After a failure what the sink holds is no image.
[[nodiscard]] Result<WriteResult> write_image(const index::Index& index, Sink& sink,
                                              Scratch& scratch, const WriteOptions& options);

}  // namespace shoal::image
