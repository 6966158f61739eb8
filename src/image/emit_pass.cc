// SPDX-License-Identifier: Apache-2.0
#include "image/emit_pass.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "format/erofs.h"
#include "format/layout.h"
#include "image/directory_records.h"
#include "image/dot_entries.h"
#include "image/gathered_writes.h"
#include "image/tree_walk.h"

namespace shoal::image {
namespace {

namespace erofs = format::erofs;

std::unexpected<Error> index_changed() {
  return fail(ErrorCode::precondition, "write the image: the index is not what it was a moment ago",
              "Nothing may change the index while its image is written; try again.");
}

class EmitPass final : public TreeVisitor {
 public:
  EmitPass(Sink& sink, Scratch& scratch, const MetadataPlan& plan, const WriteOptions& options)
      : plan_(plan),
        options_(options),
        records_(scratch, plan.sizes.directories),
        blocks_(sink, plan.directory_area),
        inodes_(sink, plan.inode_area + kRootNid * erofs::kInodeSlotBytes),
        next_directory_(plan.directory_area) {}

  Result<void> open_directory(std::string_view name) override {
    SHOAL_TRY(const DirectoryRecord record, records_.next());
    const std::uint32_t tail = erofs::inline_tail_bytes(record.directory_bytes, plan_.block_bytes);
    SHOAL_TRY(const std::uint64_t nid, next_nid(tail));
    const std::uint64_t parent_nid = depth_ == 0 ? nid : open_[depth_ - 1].nid;  // root: itself
    if (depth_ > 0) SHOAL_CHECK_OK(add_entry({nid, erofs::FileType::directory, name}));
    SHOAL_CHECK_OK(append_inode({.type = erofs::FileType::directory,
                                 .permissions = options_.directory_mode,
                                 .size = record.directory_bytes,
                                 .start_block = next_directory_ / plan_.block_bytes,
                                 .mtime = record.mtime,
                                 .links = record.links,
                                 .has_inline_tail = tail > 0},
                                tail));
    // Levels are kept when a directory closes, so that a million small ones reuse their buffers.
    if (depth_ == open_.size()) open_.emplace_back();
    OpenDirectory& directory = open_[depth_++];
    directory.nid = nid;
    directory.parent_nid = parent_nid;
    directory.bytes = record.directory_bytes;
    directory.next_block = next_directory_;
    directory.tail_bytes = tail;
    directory.packer = erofs::DirentPacker(plan_.block_bytes);
    directory.dots = DotEntries();
    next_directory_ += round_up(record.directory_bytes - tail, plan_.block_bytes);
    return {};
  }

  Result<void> marker(const format::ObjectRecord&) override { return {}; }

  Result<void> file(std::string_view name, const format::ObjectRecord& record) override {
    SHOAL_TRY(const std::uint64_t start_block, start_block_of(name, record));
    SHOAL_TRY(const std::uint64_t nid, next_nid(/*tail_bytes=*/0));
    SHOAL_CHECK_OK(add_entry({nid, erofs::FileType::regular, name}));
    return append_inode({.type = erofs::FileType::regular,
                         .permissions = options_.file_mode,
                         .size = record.size,
                         .start_block = start_block,
                         .mtime = record.mtime,
                         .links = 1},
                        /*tail_bytes=*/0);
  }

  Result<void> close_directory() override {
    OpenDirectory& directory = open_[depth_ - 1];
    SHOAL_CHECK_OK(
        directory.dots.rest([&](std::string_view dot) { return add_dot(directory, dot); }));
    if (directory.packer.directory_bytes() != directory.bytes) return index_changed();
    SHOAL_CHECK_OK(directory.tail_bytes > 0 ? write_tail(directory) : write_block(directory));
    --depth_;
    return {};
  }

  Result<std::uint64_t> finish() {
    if (ordinal_ != plan_.sizes.inodes) return index_changed();
    SHOAL_CHECK_OK(blocks_.flush());
    SHOAL_CHECK_OK(inodes_.flush());
    return round_up(inodes_.end(), kMetadataStep);
  }

 private:
  struct OpenDirectory {
    std::uint64_t nid = 0;
    std::uint64_t parent_nid = 0;
    std::uint64_t bytes = 0;       // as the first pass counted
    std::uint64_t next_block = 0;  // image offset
    std::uint32_t tail_bytes = 0;  // behind its inode
    erofs::DirentPacker packer{0};
    erofs::DirentBlock entries;
    DotEntries dots;
  };

  Result<std::uint64_t> start_block_of(std::string_view name, const format::ObjectRecord& record) {
    if (record.size == 0) return 0;  // no block is read
    const std::uint64_t address = record.address.value;
    if (address % plan_.block_bytes != 0 || address > plan_.data_bytes ||
        record.size > plan_.data_bytes - address)
      return fail(ErrorCode::corrupt,
                  fmt::format("index entry of file \"{}\": its {} bytes at data address {} are not "
                              "in the data region of {} bytes",
                              name, record.size, address, plan_.data_bytes),
                  "The index is damaged; build it again (shoal index build --rebuild).");
    return (format::kDataRegionStart + address) / plan_.block_bytes;
  }

  std::uint64_t offset_of(std::uint64_t nid) const {
    return plan_.inode_area + nid * erofs::kInodeSlotBytes;
  }

  // Of the inode that append_inode() will append: the end of the inodes, or the next block when the
  // tail would reach into that.
  Result<std::uint64_t> next_nid(std::uint32_t tail_bytes) {
    const std::uint64_t left =
        plan_.block_bytes - (inodes_.end() & (plan_.block_bytes - std::uint64_t{1}));
    if (erofs::kInodeBytes + tail_bytes > left) SHOAL_CHECK_OK(inodes_.append(left));
    return (inodes_.end() - plan_.inode_area) / erofs::kInodeSlotBytes;
  }

  Result<void> append_inode(erofs::Inode inode, std::uint32_t tail_bytes) {
    if (ordinal_ == plan_.sizes.inodes) return index_changed();
    inode.uid = options_.uid;
    inode.gid = options_.gid;
    inode.serial = static_cast<std::uint32_t>(++ordinal_);
    SHOAL_TRY(const MutableByteSpan target,
              inodes_.append(erofs::kInodeBytes + round_up(tail_bytes, kInodeStep)));
    erofs::encode(inode, target.first<erofs::kInodeBytes>());
    if (inodes_.end() > format::kDataRegionStart)
      return fail(metadata_too_large(plan_.sizes.inodes, inodes_.end()));
    return {};
  }

  Result<void> add_entry(const erofs::Dirent& dirent) {
    OpenDirectory& directory = open_[depth_ - 1];
    SHOAL_CHECK_OK(directory.dots.before(
        dirent.name, [&](std::string_view dot) { return add_dot(directory, dot); }));
    return pack(directory, dirent);
  }

  Result<void> add_dot(OpenDirectory& directory, std::string_view dot) {
    return pack(directory, {dot.size() == 1 ? directory.nid : directory.parent_nid,
                            erofs::FileType::directory, dot});
  }

  Result<void> pack(OpenDirectory& directory, const erofs::Dirent& dirent) {
    const bool begins_block = directory.packer.add(dirent.name.size());
    if (directory.packer.directory_bytes() > directory.bytes) return index_changed();
    if (begins_block && !directory.entries.empty()) SHOAL_CHECK_OK(write_block(directory));
    directory.entries.add(dirent);
    return {};
  }

  Result<void> write_block(OpenDirectory& directory) {
    SHOAL_CHECK_OK(blocks_.seek(directory.next_block));
    SHOAL_TRY(const MutableByteSpan block, blocks_.append(plan_.block_bytes));
    directory.entries.finish(block);
    directory.next_block += plan_.block_bytes;
    return {};
  }

  // The numbers of what is inside were not known when the inode was written.
  Result<void> write_tail(OpenDirectory& directory) {
    const auto tail = MutableByteSpan(tail_).first(directory.tail_bytes);
    directory.entries.finish(tail);
    return inodes_.replace(offset_of(directory.nid) + erofs::kInodeBytes, tail);
  }

  const MetadataPlan plan_;
  const WriteOptions options_;
  DirectoryRecordReader records_;
  GatheredWrites blocks_;
  GatheredWrites inodes_;
  std::array<std::byte, erofs::kBlockBytesMax> tail_{};  // the one being written out
  std::uint64_t next_directory_;  // image offset of the next directory's first block
  std::uint64_t ordinal_ = 0;     // inodes so far
  std::vector<OpenDirectory> open_;
  std::size_t depth_ = 0;  // open directories; levels above stay for reuse
};

}  // namespace

Result<std::uint64_t> emit_tree(const index::Index& index, Sink& sink, Scratch& scratch,
                                const MetadataPlan& plan, const WriteOptions& options) {
  EmitPass pass(sink, scratch, plan, options);
  SHOAL_CHECK_OK(walk_tree(index, pass, options.stop));
  return pass.finish();
}

}  // namespace shoal::image
