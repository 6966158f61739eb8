// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// The part of EROFS that Shoal writes: a superblock, 64-byte inodes with plain contiguous data,
// directory blocks, and small directories (or the ends of large ones) right behind their inode.
// Field tables and the reasons for this subset: EROFS.md. Encoders take values that mean something
// (asserted); decoders take stored bytes, trust none of them, and return ErrorCode::corrupt for
// anything the encoders could not have written.
//
// Thread model: immutable; all functions are pure.

namespace shoal::format::erofs {

inline constexpr std::uint64_t kSuperblockOffset = 1024;
inline constexpr std::uint32_t kInodeBytes = 64;
inline constexpr std::uint32_t kInodeSlotBytes = 32;  // a nid counts these
inline constexpr std::uint32_t kDirentBytes = 12;     // without the name
inline constexpr std::uint32_t kNameBytesMax = 255;
inline constexpr std::uint32_t kBlockBytesMin = 512;
inline constexpr std::uint32_t kBlockBytesMax = 4096;  // the smallest page size of a reading host
// A block number of all ones means "hole" to readers; no image reaches it.
inline constexpr std::uint64_t kBlocksMax32 = 0xFFFF'FFFEull;
inline constexpr std::uint64_t kBlocksMax48 = 0xFFFF'FFFF'FFFEull;

// CRC-32C as EROFS uses it: reflected Castagnoli polynomial, the state goes in and comes out
// without inversion. A superblock checksum starts from 0xFFFFFFFF.
[[nodiscard]] std::uint32_t crc32c_update(std::uint32_t state, ByteSpan bytes) noexcept;

struct Superblock {
  std::uint32_t block_bytes = 4096;
  std::uint64_t meta_block = 0;  // first block of the inode area
  std::uint64_t root_nid = 0;    // 1..65535
  std::uint64_t inodes = 0;
  std::uint64_t blocks = 0;  // of the whole image; above kBlocksMax32 the image needs 48BIT
  std::array<std::byte, 16> uuid{};
  std::string volume_name{};  // at most 15 bytes, no NUL

  bool operator==(const Superblock&) const = default;
};

// Bytes from kSuperblockOffset on that the checksum covers: the rest of the first block, or one
// block when blocks are no larger than the boot area. An image keeps nothing but the superblock
// there.
[[nodiscard]] constexpr std::uint32_t superblock_region_bytes(std::uint32_t block_bytes) noexcept {
  return block_bytes > kSuperblockOffset
             ? block_bytes - static_cast<std::uint32_t>(kSuperblockOffset)
             : block_bytes;
}
// The region at kSuperblockOffset, checksum included.
[[nodiscard]] std::vector<std::byte> encode(const Superblock& superblock);
// `image_head`: the image from byte 0; 4096 bytes are enough. unsupported: a valid EROFS image that
// needs features Shoal never writes.
[[nodiscard]] Result<Superblock> decode_superblock(ByteSpan image_head);

enum class FileType : std::uint8_t { regular = 1, directory = 2 };

// Bytes at the end of a directory that lie behind its inode instead of in a block; 0: none. They
// must share one block with the end of the inode. Up to half a block: shifting a longer one to
// where it fits wastes more than a block of its own.
[[nodiscard]] constexpr std::uint32_t inline_tail_bytes(std::uint64_t directory_bytes,
                                                        std::uint32_t block_bytes) noexcept {
  const auto tail = static_cast<std::uint32_t>(directory_bytes % block_bytes);
  return tail <= block_bytes / 2 ? tail : 0;
}
static_assert(kInodeBytes + kBlockBytesMin / 2 <= kBlockBytesMin);

struct Inode {
  FileType type = FileType::regular;
  std::uint32_t permissions = 0;  // the low 12 bits of st_mode
  std::uint64_t size = 0;         // below 2^63
  std::uint64_t start_block = 0;  // 48 bits
  std::uint32_t serial = 0;       // st_ino for 32-bit programs
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime = 0;  // seconds since 1970
  std::uint32_t links = 1;
  // A directory's inline_tail_bytes(size), which are not 0, follow the inode; start_block has the
  // whole blocks before them.
  bool has_inline_tail = false;

  bool operator==(const Inode&) const = default;
};
void encode(const Inode& inode, std::span<std::byte, kInodeBytes> target);
// `superblock` bounds the data: start and size must lie inside the image.
[[nodiscard]] Result<Inode> decode_inode(std::span<const std::byte, kInodeBytes> source,
                                         const Superblock& superblock);

struct Dirent {
  std::uint64_t nid = 0;
  FileType type = FileType::regular;
  std::string_view name;  // 1..255 bytes, no '/' and no NUL
};

// Packs entries into blocks, each taking as many as fit. Knows sizes only; the same rule drives the
// pass that counts blocks and the one that fills them. confined.
class DirentPacker {
 public:
  explicit DirentPacker(std::uint32_t block_bytes) : block_bytes_(block_bytes) {}
  // Counts one entry. True when it begins a new block (also the first one).
  bool add(std::size_t name_bytes) noexcept;
  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }
  // i_size of the directory so far: full blocks, and what is used of the last.
  [[nodiscard]] std::uint64_t directory_bytes() const noexcept {
    return blocks_ == 0 ? 0 : (blocks_ - 1) * block_bytes_ + used_bytes_;
  }

 private:
  std::uint32_t block_bytes_;
  std::uint64_t blocks_ = 0;
  std::uint32_t used_bytes_ = 0;
};

// The entries of one directory block. confined; memory is one block.
class DirentBlock {
 public:
  // The caller adds in ascending name order and only what fits in one block (see DirentPacker).
  void add(const Dirent& dirent);
  [[nodiscard]] bool empty() const noexcept { return slots_.empty(); }
  // Fills all of `block`, the rest with zeros, and forgets the entries.
  void finish(MutableByteSpan block);

 private:
  struct Slot {
    std::uint64_t nid;
    std::uint32_t name_begin;
    FileType type;
  };
  std::vector<Slot> slots_;
  std::string names_;
};

// The entries of one block, names borrowed from it. `block` is a whole block, or for the last one
// of a directory the part below i_size.
[[nodiscard]] Result<std::vector<Dirent>> parse_dirent_block(ByteSpan block);

}  // namespace shoal::format::erofs
