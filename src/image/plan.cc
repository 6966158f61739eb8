// SPDX-License-Identifier: Apache-2.0
#include "image/plan.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "format/erofs.h"
#include "format/layout.h"

namespace shoal::image {
namespace {

namespace erofs = format::erofs;

// A page of every usual host and a whole number of blocks: the superblock lies below it, whatever
// the block size, and metadata read by pages never mixes with it.
constexpr std::uint64_t kDirectoryAreaStart = 4096;
static_assert(kDirectoryAreaStart % erofs::kBlockBytesMax == 0);
static_assert(kDirectoryAreaStart >=
              erofs::kSuperblockOffset + erofs::superblock_region_bytes(erofs::kBlockBytesMax));

}  // namespace

Error metadata_too_large(std::uint64_t inodes, std::uint64_t metadata_bytes) {
  return Error(
      ErrorCode::limit,
      fmt::format("write the image: the metadata of {} files and directories takes {}, "
                  "more than the {} kept for it",
                  inodes, human_bytes(metadata_bytes), human_bytes(format::kDataRegionStart)),
      "Mount parts of the dataset (longer prefixes) as separate volumes.");
}

Result<MetadataPlan> plan_metadata(const TreeSizes& sizes, std::uint32_t block_bytes,
                                   std::uint64_t data_bytes) {
  MetadataPlan plan{.block_bytes = block_bytes,
                    .data_bytes = data_bytes,
                    .sizes = sizes,
                    .directory_area = kDirectoryAreaStart};
  plan.inode_area =
      round_up(plan.directory_area + sizes.directory_blocks * block_bytes, kMetadataStep);
  const std::uint64_t metadata_bytes = plan.inode_area + kRootNid * erofs::kInodeSlotBytes +
                                       sizes.inodes * erofs::kInodeBytes + sizes.tail_bytes;
  if (metadata_bytes > format::kDataRegionStart)
    return fail(metadata_too_large(sizes.inodes, metadata_bytes));
  const std::uint64_t image_blocks =
      (format::kDataRegionStart + round_up(data_bytes, block_bytes)) / block_bytes;
  if (image_blocks > erofs::kBlocksMax48)
    return fail(ErrorCode::limit,
                fmt::format("write the image: {} of data in blocks of {} bytes need block numbers "
                            "of more than 48 bits",
                            human_bytes(data_bytes), block_bytes),
                "Use 4096-byte blocks, or mount parts of the dataset as separate volumes.");
  return plan;
}

}  // namespace shoal::image
