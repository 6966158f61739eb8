// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/result.h"
#include "image/size_pass.h"

namespace shoal::image {

// Where the parts of the metadata region lie, known after the first pass.
struct MetadataPlan {
  std::uint32_t block_bytes = 0;
  std::uint64_t data_bytes = 0;  // size of the data region
  TreeSizes sizes;
  std::uint64_t inode_area = 0;      // image offset of slot 0
  std::uint64_t directory_area = 0;  // image offset of the root's first block
  std::uint64_t metadata_bytes = 0;  // end of the last directory block, rounded up
};

// limit: the metadata would reach into the data region, or the data past the last block number.
[[nodiscard]] Result<MetadataPlan> plan_metadata(const TreeSizes& sizes, std::uint32_t block_bytes,
                                                 std::uint64_t data_bytes);

// Slot 0 stays empty: readers take a root at nid 0 for "not set".
[[nodiscard]] constexpr std::uint64_t nid_of(std::uint64_t ordinal) noexcept {
  return 2 * (ordinal + 1);  // a 64-byte inode takes two slots
}

}  // namespace shoal::image
