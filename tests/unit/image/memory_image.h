// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "format/erofs.h"
#include "image/writer.h"

namespace shoal::image {

// Bytes that grow where they are written: the sink and the scratch space of tests. Remembers how
// large the pieces were. `fail_at`: that write (counted from 1) fails.
class MemoryBytes final : public Sink, public Scratch {
 public:
  Result<void> write(std::uint64_t offset, ByteSpan bytes) override {
    if (++writes == fail_at) return fail(ErrorCode::no_space, "write to memory: told to fail");
    piece_bytes_max = std::max<std::uint64_t>(piece_bytes_max, bytes.size());
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    std::ranges::copy(bytes, content.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<void> read(std::uint64_t offset, MutableByteSpan target) override {
    if (offset + target.size() > content.size())
      return fail(ErrorCode::corrupt, "read from memory: past its end");
    std::ranges::copy(ByteSpan(content).subspan(offset, target.size()), target.begin());
    return {};
  }

  std::vector<std::byte> content;
  std::uint64_t writes = 0;
  std::uint64_t fail_at = 0;
  std::uint64_t piece_bytes_max = 0;
};

struct Node {
  std::uint64_t nid = 0;
  format::erofs::Inode inode;
};

// Reads a metadata region back with the decoders: every path ("" is the root) and its inode. Checks
// what a kernel relies on: order across blocks, both dot entries, zeros behind the last name.
class ImageReader {
 public:
  explicit ImageReader(ByteSpan image) : image_(image) {}

  [[nodiscard]] Result<std::map<std::string, Node>> read() {
    SHOAL_TRY(superblock, format::erofs::decode_superblock(image_));
    SHOAL_CHECK_OK(read_directory("", superblock.root_nid, superblock.root_nid));
    return nodes_;
  }
  format::erofs::Superblock superblock;

 private:
  Result<format::erofs::Inode> inode_at(std::uint64_t nid) {
    const std::uint64_t offset = superblock.meta_block * superblock.block_bytes + nid * 32;
    if (offset / superblock.block_bytes !=
        (offset + format::erofs::kInodeBytes - 1) / superblock.block_bytes)
      return fail(ErrorCode::corrupt, "inode across a block's end");
    if (offset + format::erofs::kInodeBytes > image_.size())
      return fail(ErrorCode::corrupt, "inode outside the metadata");
    return format::erofs::decode_inode(image_.subspan(offset).first<format::erofs::kInodeBytes>(),
                                       superblock);
  }

  // Block `at` of a directory: whole, or what lies behind its inode.
  Result<ByteSpan> directory_block(const std::string& path, const Node& node, std::uint64_t at) {
    const std::uint64_t left = node.inode.size - at;
    const std::uint64_t block_bytes = superblock.block_bytes;
    std::uint64_t offset = node.inode.start_block * block_bytes + at;
    std::uint64_t bytes = block_bytes;
    if (node.inode.has_inline_tail && left < block_bytes) {
      offset = superblock.meta_block * block_bytes + node.nid * 32 + format::erofs::kInodeBytes;
      bytes = left;
      if ((offset - 1) / block_bytes != (offset + bytes - 1) / block_bytes)
        return fail(ErrorCode::corrupt, path + ": its tail is not in the block of its inode");
    }
    if (offset + bytes > image_.size())
      return fail(ErrorCode::corrupt, path + ": block outside the metadata");
    return image_.subspan(offset, bytes);
  }

  Result<void> read_directory(const std::string& path, std::uint64_t nid, std::uint64_t parent) {
    SHOAL_TRY(const auto inode, inode_at(nid));
    if (inode.type != format::erofs::FileType::directory)
      return fail(ErrorCode::corrupt, path + " is no directory");
    nodes_[path] = {nid, inode};
    std::string last;
    std::uint32_t dots = 0;
    std::uint32_t subdirectories = 0;
    for (std::uint64_t at = 0; at < inode.size; at += superblock.block_bytes) {
      SHOAL_TRY(const ByteSpan block, directory_block(path, {nid, inode}, at));
      const std::uint64_t used = std::min<std::uint64_t>(inode.size - at, block.size());
      if (std::ranges::any_of(block.subspan(used), [](std::byte b) { return b != std::byte{0}; }))
        return fail(ErrorCode::corrupt, path + ": bytes behind the directory's end");
      SHOAL_TRY(const auto dirents, format::erofs::parse_dirent_block(block.first(used)));
      for (const auto& dirent : dirents) {
        if (dirent.name <= last) return fail(ErrorCode::corrupt, path + ": order across blocks");
        last = dirent.name;
        if (dirent.name == "." || dirent.name == "..") {
          ++dots;
          if (dirent.nid != (dirent.name == "." ? nid : parent))
            return fail(ErrorCode::corrupt, path + ": a dot entry points elsewhere");
          continue;
        }
        const std::string child = path.empty() ? last : path + "/" + last;
        if (dirent.type == format::erofs::FileType::directory) {
          ++subdirectories;
          SHOAL_CHECK_OK(read_directory(child, dirent.nid, nid));
        } else {
          SHOAL_TRY(const auto file, inode_at(dirent.nid));
          if (file.type != dirent.type) return fail(ErrorCode::corrupt, child + ": type differs");
          nodes_[child] = {dirent.nid, file};
        }
      }
    }
    if (dots != 2) return fail(ErrorCode::corrupt, path + ": a dot entry is missing");
    if (inode.links != 2 + subdirectories) return fail(ErrorCode::corrupt, path + ": link count");
    return {};
  }

  ByteSpan image_;
  std::map<std::string, Node> nodes_;
};

}  // namespace shoal::image
