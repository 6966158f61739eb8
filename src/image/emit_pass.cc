// SPDX-License-Identifier: Apache-2.0
#include "image/emit_pass.h"

#include <fmt/format.h>

#include <span>
#include <string>
#include <vector>

#include "format/erofs.h"
#include "format/layout.h"
#include "image/directory_records.h"
#include "image/dot_entries.h"
#include "image/tree_walk.h"

namespace shoal::image {
namespace {

namespace erofs = format::erofs;

std::unexpected<Error> index_changed() {
  return fail(ErrorCode::precondition, "write the image: the index is not what it was a moment ago",
              "Nothing may change the index while its image is written; try again.");
}

// Inodes come in the order of their places: gathered and written in large pieces.
class InodeStream {
 public:
  InodeStream(Sink& sink, std::uint64_t offset) : sink_(sink), offset_(offset) {
    buffer_.reserve(kBufferBytes);
  }
  Result<void> append(const erofs::Inode& inode) {
    const std::size_t at = buffer_.size();
    buffer_.resize(at + erofs::kInodeBytes);
    erofs::encode(inode, std::span(buffer_).subspan(at).first<erofs::kInodeBytes>());
    return buffer_.size() == kBufferBytes ? flush() : Result<void>{};
  }
  Result<void> flush() {
    if (buffer_.empty()) return {};
    SHOAL_CHECK_OK(sink_.write(offset_, buffer_));
    offset_ += buffer_.size();
    buffer_.clear();
    return {};
  }

 private:
  static constexpr std::size_t kBufferBytes = 256 << 10;  // 4096 inodes per write
  Sink& sink_;
  std::uint64_t offset_;
  std::vector<std::byte> buffer_;
};

class EmitPass final : public TreeVisitor {
 public:
  EmitPass(Sink& sink, Scratch& scratch, const MetadataPlan& plan, const WriteOptions& options)
      : sink_(sink),
        plan_(plan),
        options_(options),
        records_(scratch, plan.sizes.directories),
        inodes_(sink, plan.inode_area + nid_of(0) * erofs::kInodeSlotBytes),
        block_(plan.block_bytes),
        next_directory_(plan.directory_area) {}

  Result<void> open_directory(std::string_view name) override {
    SHOAL_TRY(const DirectoryRecord record, records_.next());
    const std::uint64_t nid = nid_of(ordinal_);
    const std::uint64_t parent_nid = depth_ == 0 ? nid : open_[depth_ - 1].nid;  // root: itself
    if (depth_ > 0) SHOAL_CHECK_OK(add_entry({nid, erofs::FileType::directory, name}));
    erofs::Inode inode{.type = erofs::FileType::directory,
                       .permissions = options_.directory_mode,
                       .size = record.directory_bytes,
                       .start_block = next_directory_ / plan_.block_bytes,
                       .mtime = record.mtime,
                       .links = record.links};
    SHOAL_CHECK_OK(append_inode(inode));
    // Levels are kept when a directory closes, so that a million small ones reuse their buffers.
    if (depth_ == open_.size()) open_.emplace_back();
    OpenDirectory& directory = open_[depth_++];
    directory.nid = nid;
    directory.parent_nid = parent_nid;
    directory.bytes = record.directory_bytes;
    directory.next_block = next_directory_;
    directory.packer = erofs::DirentPacker(plan_.block_bytes);
    directory.dots = DotEntries();
    next_directory_ += round_up(record.directory_bytes, plan_.block_bytes);
    return {};
  }

  Result<void> marker(const format::ObjectRecord&) override { return {}; }

  Result<void> file(std::string_view name, const format::ObjectRecord& record) override {
    SHOAL_TRY(const std::uint64_t start_block, start_block_of(name, record));
    SHOAL_CHECK_OK(add_entry({nid_of(ordinal_), erofs::FileType::regular, name}));
    return append_inode({.type = erofs::FileType::regular,
                         .permissions = options_.file_mode,
                         .size = record.size,
                         .start_block = start_block,
                         .mtime = record.mtime,
                         .links = 1});
  }

  Result<void> close_directory() override {
    OpenDirectory& directory = open_[depth_ - 1];
    SHOAL_CHECK_OK(
        directory.dots.rest([&](std::string_view dot) { return add_dot(directory, dot); }));
    SHOAL_CHECK_OK(write_block(directory));
    if (directory.packer.directory_bytes() != directory.bytes) return index_changed();
    --depth_;
    return {};
  }

  Result<void> finish() {
    if (ordinal_ != plan_.sizes.inodes) return index_changed();
    return inodes_.flush();
  }

 private:
  struct OpenDirectory {
    std::uint64_t nid = 0;
    std::uint64_t parent_nid = 0;
    std::uint64_t bytes = 0;       // as the first pass counted
    std::uint64_t next_block = 0;  // image offset
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

  Result<void> append_inode(erofs::Inode inode) {
    // More than the first pass counted would run into the directory blocks.
    if (ordinal_ == plan_.sizes.inodes) return index_changed();
    inode.uid = options_.uid;
    inode.gid = options_.gid;
    inode.serial = static_cast<std::uint32_t>(++ordinal_);
    return inodes_.append(inode);
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
    if (directory.packer.add(dirent.name.size()) && !directory.entries.empty())
      SHOAL_CHECK_OK(write_block(directory));
    if (directory.packer.directory_bytes() > directory.bytes) return index_changed();
    directory.entries.add(dirent);
    return {};
  }

  Result<void> write_block(OpenDirectory& directory) {
    directory.entries.finish(block_);
    SHOAL_CHECK_OK(sink_.write(directory.next_block, block_));
    directory.next_block += plan_.block_bytes;
    return {};
  }

  Sink& sink_;
  const MetadataPlan plan_;
  const WriteOptions options_;
  DirectoryRecordReader records_;
  InodeStream inodes_;
  std::vector<std::byte> block_;  // the one being written out
  std::uint64_t next_directory_;  // image offset of the next directory's first block
  std::uint64_t ordinal_ = 0;     // of the next inode
  std::vector<OpenDirectory> open_;
  std::size_t depth_ = 0;  // open directories; levels above stay for reuse
};

}  // namespace

Result<void> emit_tree(const index::Index& index, Sink& sink, Scratch& scratch,
                       const MetadataPlan& plan, const WriteOptions& options) {
  EmitPass pass(sink, scratch, plan, options);
  SHOAL_CHECK_OK(walk_tree(index, pass, options.stop));
  return pass.finish();
}

}  // namespace shoal::image
