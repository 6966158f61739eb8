// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "base/result.h"
#include "image/writer.h"

namespace shoal::image {

// Inodes, with what follows them, lie at multiples of this: then no inode crosses a block, which
// Linux before 5.9 could not read.
inline constexpr std::uint64_t kInodeStep = 64;

struct TreeSizes {
  std::uint64_t inodes = 0;            // the root included
  std::uint64_t directories = 0;       // the root included
  std::uint64_t directory_blocks = 0;  // in the directory area
  std::uint64_t tail_bytes = 0;  // of directories behind their inodes, rounded up to kInodeStep
};

// The first pass: counts, and leaves one DirectoryRecord per directory in `scratch`.
[[nodiscard]] Result<TreeSizes> measure_tree(const index::Index& index, Scratch& scratch,
                                             std::uint32_t block_bytes,
                                             const std::atomic<bool>* stop);

}  // namespace shoal::image
