// SPDX-License-Identifier: Apache-2.0
#include "image/writer.h"

#include <fmt/format.h>

#include <bit>

#include "format/erofs.h"
#include "format/layout.h"
#include "image/emit_pass.h"
#include "image/identity.h"
#include "image/plan.h"
#include "image/size_pass.h"

namespace shoal::image {
namespace {

namespace erofs = format::erofs;

struct Subject {
  format::DatasetRecord dataset;
  format::GenerationRecord generation;
};

Result<Subject> subject_of(const index::Index& index) {
  SHOAL_TRY(const auto dataset, index.dataset());
  SHOAL_TRY(const auto generation, index.generation());
  if (!dataset || !generation)
    return fail(ErrorCode::precondition, "write the image: the index is not finished",
                "Finish it first (shoal index build).");
  const std::uint32_t block_bytes = dataset->geometry.block_bytes;
  if (!std::has_single_bit(block_bytes) || block_bytes < erofs::kBlockBytesMin ||
      block_bytes > erofs::kBlockBytesMax || generation->data_end.value > format::kDataBytesMax)
    return fail(
        ErrorCode::corrupt,
        fmt::format("write the image: the index says blocks of {} bytes and {} bytes of data",
                    block_bytes, generation->data_end.value),
        "The index is damaged; build it again (shoal index build --rebuild).");
  return Subject{*dataset, *generation};
}

Result<void> check_options(const WriteOptions& options) {
  constexpr std::uint32_t permission_bits = 07777;
  if (((options.file_mode | options.directory_mode) & ~permission_bits) != 0)
    return fail(ErrorCode::bad_input,
                fmt::format("write the image: mode {:o} or {:o} has more than permission bits",
                            options.file_mode, options.directory_mode),
                "Give octal modes such as 0444 and 0555.");
  return {};
}

}  // namespace

Result<WriteResult> write_image(const index::Index& index, Sink& sink, Scratch& scratch,
                                const WriteOptions& options) {
  SHOAL_CHECK_OK(check_options(options));
  SHOAL_TRY(const Subject subject, subject_of(index));
  const std::uint32_t block_bytes = subject.dataset.geometry.block_bytes;
  SHOAL_TRY(const TreeSizes sizes, measure_tree(index, scratch, block_bytes, options.stop));
  SHOAL_TRY(const MetadataPlan plan,
            plan_metadata(sizes, block_bytes, subject.generation.data_end.value));
  SHOAL_TRY(const std::uint64_t metadata_bytes, emit_tree(index, sink, scratch, plan, options));

  const WriteResult result{.metadata_bytes = metadata_bytes,
                           .image_bytes = image_bytes_of(subject.dataset, subject.generation),
                           .inodes = sizes.inodes};
  const erofs::Superblock superblock{
      .block_bytes = block_bytes,
      .meta_block = plan.inode_area / block_bytes,
      .root_nid = kRootNid,
      .inodes = result.inodes,
      .blocks = result.image_bytes / block_bytes,
      .uuid = image_uuid(subject.dataset, subject.generation, options),
      .volume_name = "shoal"};
  // Last, so that an image cut short has none.
  SHOAL_CHECK_OK(sink.write(erofs::kSuperblockOffset, erofs::encode(superblock)));
  return result;
}

}  // namespace shoal::image
