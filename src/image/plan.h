// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/result.h"
#include "image/size_pass.h"

namespace shoal::image {

// The image's metadata ends at a multiple of this.
inline constexpr std::uint64_t kMetadataStep = 4096;

// Where the parts of the metadata region lie, known after the first pass.
struct MetadataPlan {
  std::uint32_t block_bytes = 0;
  std::uint64_t data_bytes = 0;  // size of the data region
  TreeSizes sizes;
  std::uint64_t directory_area = 0;  // image offset of the first directory block
  std::uint64_t inode_area = 0;      // image offset of slot 0; the inodes end the metadata
};

// limit: the metadata would reach into the data region, or the data past the last block number.
// Sums alone decide: that the inodes, with gaps between them, stay below the data region, is seen
// when they are written.
[[nodiscard]] Result<MetadataPlan> plan_metadata(const TreeSizes& sizes, std::uint32_t block_bytes,
                                                 std::uint64_t data_bytes);

// The error for `metadata_bytes` that are more than the region holds.
[[nodiscard]] Error metadata_too_large(std::uint64_t inodes, std::uint64_t metadata_bytes);

// The root's. Slot 0 stays empty: readers take a root at nid 0 for "not set".
inline constexpr std::uint64_t kRootNid = 2;

}  // namespace shoal::image
