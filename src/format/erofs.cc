// SPDX-License-Identifier: Apache-2.0
#include "format/erofs.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include "base/assert.h"

namespace shoal::format::erofs {
namespace {

// On-disk layouts. Never instantiated: they give the offsets, and the compiler checks the sizes.
struct RawSuperblock {
  std::uint32_t magic;
  std::uint32_t checksum;
  std::uint32_t feature_compat;
  std::uint8_t block_bits;
  std::uint8_t extension_slots;
  std::uint16_t root_nid_or_blocks_high;
  std::uint64_t inodes;
  std::uint64_t epoch;
  std::uint32_t fixed_nanoseconds;
  std::uint32_t blocks_low;
  std::uint32_t meta_block;
  std::uint32_t xattr_block;
  std::uint8_t uuid[16];
  std::uint8_t volume_name[16];
  std::uint32_t feature_incompat;
  std::uint16_t compression;
  std::uint16_t extra_devices;
  std::uint16_t device_table_slot;
  std::uint8_t directory_block_bits;
  std::uint8_t xattr_prefix_count;
  std::uint32_t xattr_prefix_start;
  std::uint64_t packed_nid;
  std::uint8_t xattr_filter_reserved;
  std::uint8_t share_prefix;
  std::uint16_t reserved;
  std::uint32_t build_time;
  std::uint64_t root_nid_wide;
  std::uint64_t reserved_end;
};
static_assert(sizeof(RawSuperblock) == 128);
static_assert(offsetof(RawSuperblock, uuid) == 48 && offsetof(RawSuperblock, root_nid_wide) == 112);

struct RawInode {
  std::uint16_t format;
  std::uint16_t xattr_count;
  std::uint16_t mode;
  std::uint16_t start_block_high;
  std::uint64_t size;
  std::uint32_t start_block_low;
  std::uint32_t serial;
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint64_t mtime;
  std::uint32_t mtime_nanoseconds;
  std::uint32_t links;
  std::uint8_t reserved[16];
};
static_assert(sizeof(RawInode) == kInodeBytes);
static_assert(offsetof(RawInode, mtime) == 32 && offsetof(RawInode, reserved) == 48);

constexpr std::uint32_t kDirentNameOffset = 8;
constexpr std::uint32_t kDirentType = 10;
constexpr std::uint32_t kDirentReserved = 11;
static_assert(kDirentReserved + 1 == kDirentBytes);
static_assert(kDirentBytes + kNameBytesMax <= kBlockBytesMin, "any entry fits in an empty block");

constexpr std::uint32_t kMagic = 0xE0F5E1E2;
constexpr std::uint32_t kCompatChecksum = 0x1;
constexpr std::uint32_t kCompatMtime = 0x2;
constexpr std::uint32_t kIncompat48Bit = 0x80;
constexpr std::uint16_t kFormatExtendedPlain = 1;   // bit 0 extended header, data layout 0
constexpr std::uint16_t kFormatExtendedInline = 5;  // data layout 2 (flat, inline tail) << 1
constexpr std::uint16_t kModeRegular = 0100000;
constexpr std::uint16_t kModeDirectory = 0040000;
constexpr std::uint16_t kModeTypeMask = 0170000;
constexpr std::uint64_t kRootNidMax = 0xFFFF;  // 16 bits in the header of a 32-bit image

#define SHOAL_FIELD(Raw, field) (base + offsetof(Raw, field))

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0x82F63B78u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

std::uint32_t region_checksum(ByteSpan region) {
  // The field itself counts as zero.
  const std::array<std::byte, 4> zero{};
  constexpr std::size_t at = offsetof(RawSuperblock, checksum);
  std::uint32_t state = crc32c_update(0xFFFFFFFFu, region.first(at));
  state = crc32c_update(state, zero);
  return crc32c_update(state, region.subspan(at + zero.size()));
}

bool all_zero(ByteSpan bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

std::unexpected<Error> bad_superblock(std::string why) {
  return fail(ErrorCode::corrupt, "superblock of the EROFS image: " + std::move(why),
              "Rebuild the image from the index.");
}
std::unexpected<Error> bad_inode(std::string why) {
  return fail(ErrorCode::corrupt, "inode of the EROFS image: " + std::move(why),
              "Rebuild the image from the index.");
}
std::unexpected<Error> bad_directory(std::string why) {
  return fail(ErrorCode::corrupt, "directory block of the EROFS image: " + std::move(why),
              "Rebuild the image from the index.");
}

}  // namespace

std::uint32_t crc32c_update(std::uint32_t state, ByteSpan bytes) noexcept {
  for (const std::byte byte : bytes)
    state = kCrcTable[(state ^ std::to_integer<std::uint32_t>(byte)) & 0xff] ^ state >> 8;
  return state;
}

std::vector<std::byte> encode(const Superblock& superblock) {
  SHOAL_ASSERT(superblock.block_bytes >= kBlockBytesMin &&
               superblock.block_bytes <= kBlockBytesMax &&
               std::has_single_bit(superblock.block_bytes));
  SHOAL_ASSERT(superblock.root_nid > 0 && superblock.root_nid <= kRootNidMax);
  SHOAL_ASSERT(superblock.meta_block <= kBlocksMax32 && superblock.blocks <= kBlocksMax48);
  SHOAL_ASSERT(superblock.volume_name.size() < sizeof(RawSuperblock::volume_name) &&
               superblock.volume_name.find('\0') == std::string::npos);
  const bool wide = superblock.blocks > kBlocksMax32;
  std::vector<std::byte> region(superblock_region_bytes(superblock.block_bytes));
  std::byte* const base = region.data();
  store_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, magic), kMagic);
  store_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, feature_compat),
                          kCompatChecksum | kCompatMtime);
  store_le<std::uint8_t>(SHOAL_FIELD(RawSuperblock, block_bits),
                         static_cast<std::uint8_t>(std::countr_zero(superblock.block_bytes)));
  store_le<std::uint16_t>(
      SHOAL_FIELD(RawSuperblock, root_nid_or_blocks_high),
      static_cast<std::uint16_t>(wide ? superblock.blocks >> 32 : superblock.root_nid));
  store_le<std::uint64_t>(SHOAL_FIELD(RawSuperblock, inodes), superblock.inodes);
  store_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, blocks_low),
                          static_cast<std::uint32_t>(superblock.blocks));
  store_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, meta_block),
                          static_cast<std::uint32_t>(superblock.meta_block));
  std::ranges::copy(superblock.uuid, SHOAL_FIELD(RawSuperblock, uuid));
  std::ranges::copy(as_bytes(superblock.volume_name), SHOAL_FIELD(RawSuperblock, volume_name));
  store_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, feature_incompat), wide ? kIncompat48Bit : 0);
  if (wide) store_le<std::uint64_t>(SHOAL_FIELD(RawSuperblock, root_nid_wide), superblock.root_nid);
  store_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, checksum), region_checksum(region));
  return region;
}

namespace {

// The size and the checksum, before any other field is looked at.
Result<ByteSpan> checked_region(ByteSpan image_head) {
  if (image_head.size() < kSuperblockOffset + sizeof(RawSuperblock))
    return bad_superblock("the image is shorter than one");
  const std::byte* const base = image_head.data() + kSuperblockOffset;
  if (load_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, magic)) != kMagic)
    return bad_superblock("it does not begin with the EROFS magic number");
  const auto bits = load_le<std::uint8_t>(SHOAL_FIELD(RawSuperblock, block_bits));
  if (bits < std::countr_zero(kBlockBytesMin) || bits > std::countr_zero(kBlockBytesMax))
    return bad_superblock("block size 2^" + std::to_string(bits) + " is out of range");
  const std::uint32_t region_bytes = superblock_region_bytes(1u << bits);
  if (image_head.size() < kSuperblockOffset + region_bytes)
    return bad_superblock("the image ends inside its first block");
  const ByteSpan region = image_head.subspan(kSuperblockOffset, region_bytes);
  if (load_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, checksum)) != region_checksum(region))
    return bad_superblock("its checksum does not match");
  return region;
}

}  // namespace

Result<Superblock> decode_superblock(ByteSpan image_head) {
  SHOAL_TRY(const ByteSpan region, checked_region(image_head));
  const std::byte* const base = region.data();
  const auto incompat = load_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, feature_incompat));
  const auto compat = load_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, feature_compat));
  if ((incompat & ~kIncompat48Bit) != 0 || compat != (kCompatChecksum | kCompatMtime))
    return fail(ErrorCode::unsupported,
                "superblock of the EROFS image: it uses features Shoal does not write",
                "Rebuild the image from the index.");
  const bool wide = (incompat & kIncompat48Bit) != 0;
  const auto shared = load_le<std::uint16_t>(SHOAL_FIELD(RawSuperblock, root_nid_or_blocks_high));
  const auto root_wide = load_le<std::uint64_t>(SHOAL_FIELD(RawSuperblock, root_nid_wide));
  Superblock superblock;
  superblock.block_bytes = 1u << load_le<std::uint8_t>(SHOAL_FIELD(RawSuperblock, block_bits));
  superblock.meta_block = load_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, meta_block));
  superblock.inodes = load_le<std::uint64_t>(SHOAL_FIELD(RawSuperblock, inodes));
  superblock.root_nid = wide ? root_wide : shared;
  superblock.blocks = load_le<std::uint32_t>(SHOAL_FIELD(RawSuperblock, blocks_low));
  if (wide) superblock.blocks |= std::uint64_t{shared} << 32;
  std::copy_n(SHOAL_FIELD(RawSuperblock, uuid), superblock.uuid.size(), superblock.uuid.begin());
  const std::string_view name = as_text(
      region.subspan(offsetof(RawSuperblock, volume_name), sizeof(RawSuperblock::volume_name)));
  superblock.volume_name = name.substr(0, name.find('\0'));
  if (superblock.root_nid == 0 || superblock.root_nid > kRootNidMax)
    return bad_superblock("no root directory");
  if (superblock.blocks > kBlocksMax48 || superblock.meta_block > kBlocksMax32 ||
      superblock.volume_name.size() == name.size())
    return bad_superblock("a field is out of range");
  // Everything else has one legal value; writing it again finds every other byte.
  if (!std::ranges::equal(encode(superblock), region))
    return bad_superblock("a reserved field is set");
  return superblock;
}

void encode(const Inode& inode, std::span<std::byte, kInodeBytes> target) {
  SHOAL_ASSERT(inode.size < 1ull << 63 && inode.start_block <= kBlocksMax48 &&
               inode.permissions <= 07777 && inode.links > 0);
  SHOAL_ASSERT(!inode.has_inline_tail || inode.type == FileType::directory);
  std::byte* const base = target.data();
  const std::uint16_t type = inode.type == FileType::directory ? kModeDirectory : kModeRegular;
  std::ranges::fill(target, std::byte{0});
  store_le<std::uint16_t>(SHOAL_FIELD(RawInode, format),
                          inode.has_inline_tail ? kFormatExtendedInline : kFormatExtendedPlain);
  store_le<std::uint16_t>(SHOAL_FIELD(RawInode, mode),
                          static_cast<std::uint16_t>(type | inode.permissions));
  store_le<std::uint16_t>(SHOAL_FIELD(RawInode, start_block_high),
                          static_cast<std::uint16_t>(inode.start_block >> 32));
  store_le<std::uint64_t>(SHOAL_FIELD(RawInode, size), inode.size);
  store_le<std::uint32_t>(SHOAL_FIELD(RawInode, start_block_low),
                          static_cast<std::uint32_t>(inode.start_block));
  store_le<std::uint32_t>(SHOAL_FIELD(RawInode, serial), inode.serial);
  store_le<std::uint32_t>(SHOAL_FIELD(RawInode, uid), inode.uid);
  store_le<std::uint32_t>(SHOAL_FIELD(RawInode, gid), inode.gid);
  store_le<std::uint64_t>(SHOAL_FIELD(RawInode, mtime), static_cast<std::uint64_t>(inode.mtime));
  store_le<std::uint32_t>(SHOAL_FIELD(RawInode, links), inode.links);
}

Result<Inode> decode_inode(std::span<const std::byte, kInodeBytes> source,
                           const Superblock& superblock) {
  const std::byte* const base = source.data();
  const auto mode = load_le<std::uint16_t>(SHOAL_FIELD(RawInode, mode));
  const auto format = load_le<std::uint16_t>(SHOAL_FIELD(RawInode, format));
  Inode inode;
  if (format != kFormatExtendedPlain && format != kFormatExtendedInline)
    return bad_inode("not an extended inode with plain data");
  inode.has_inline_tail = format == kFormatExtendedInline;
  if ((mode & kModeTypeMask) == kModeDirectory) {
    inode.type = FileType::directory;
  } else if ((mode & kModeTypeMask) != kModeRegular) {
    return bad_inode("neither a file nor a directory");
  }
  inode.permissions = mode & 07777;
  inode.size = load_le<std::uint64_t>(SHOAL_FIELD(RawInode, size));
  inode.start_block = load_le<std::uint32_t>(SHOAL_FIELD(RawInode, start_block_low)) |
                      std::uint64_t{load_le<std::uint16_t>(SHOAL_FIELD(RawInode, start_block_high))}
                          << 32;
  inode.serial = load_le<std::uint32_t>(SHOAL_FIELD(RawInode, serial));
  inode.uid = load_le<std::uint32_t>(SHOAL_FIELD(RawInode, uid));
  inode.gid = load_le<std::uint32_t>(SHOAL_FIELD(RawInode, gid));
  inode.mtime = static_cast<std::int64_t>(load_le<std::uint64_t>(SHOAL_FIELD(RawInode, mtime)));
  inode.links = load_le<std::uint32_t>(SHOAL_FIELD(RawInode, links));
  if (inode.size >= 1ull << 63) return bad_inode("negative size");
  if (inode.links == 0) return bad_inode("no link");
  if (load_le<std::uint16_t>(SHOAL_FIELD(RawInode, xattr_count)) != 0 ||
      load_le<std::uint32_t>(SHOAL_FIELD(RawInode, mtime_nanoseconds)) != 0 ||
      !all_zero(source.subspan(offsetof(RawInode, reserved))))
    return bad_inode("a reserved field is set");
  if (inode.has_inline_tail && (inode.type != FileType::directory ||
                                inline_tail_bytes(inode.size, superblock.block_bytes) == 0))
    return bad_inode("it is no directory with an inline tail");
  const std::uint64_t rounding = inode.has_inline_tail ? 0 : superblock.block_bytes - 1;
  const std::uint64_t data_blocks = (inode.size + rounding) / superblock.block_bytes;
  if (inode.start_block > superblock.blocks || data_blocks > superblock.blocks - inode.start_block)
    return bad_inode("its data lies outside the image");
  return inode;
}

bool DirentPacker::add(std::size_t name_bytes) noexcept {
  const auto entry_bytes = static_cast<std::uint32_t>(kDirentBytes + name_bytes);
  const bool begins = blocks_ == 0 || used_bytes_ + entry_bytes > block_bytes_;
  if (begins) {
    ++blocks_;
    used_bytes_ = 0;
  }
  used_bytes_ += entry_bytes;
  return begins;
}

void DirentBlock::add(const Dirent& dirent) {
  SHOAL_ASSERT(!dirent.name.empty() && dirent.name.size() <= kNameBytesMax);
  slots_.push_back({dirent.nid, static_cast<std::uint32_t>(names_.size()), dirent.type});
  names_.append(dirent.name);
}

void DirentBlock::finish(MutableByteSpan block) {
  const std::size_t heads_bytes = slots_.size() * kDirentBytes;
  SHOAL_ASSERT(heads_bytes + names_.size() <= block.size());
  std::byte* head = block.data();
  for (const Slot& slot : slots_) {
    store_le<std::uint64_t>(head, slot.nid);
    store_le<std::uint16_t>(head + kDirentNameOffset,
                            static_cast<std::uint16_t>(heads_bytes + slot.name_begin));
    store_le<std::uint8_t>(head + kDirentType, std::to_underlying(slot.type));
    store_le<std::uint8_t>(head + kDirentReserved, 0);
    head += kDirentBytes;
  }
  std::ranges::copy(as_bytes(names_), head);
  std::ranges::fill(block.subspan(heads_bytes + names_.size()), std::byte{0});
  slots_.clear();
  names_.clear();
}

namespace {

// End of the last name: the first NUL at or behind `begin`, and nothing but NULs from there.
Result<std::size_t> end_of_names(ByteSpan block, std::size_t begin) {
  const std::size_t found = as_text(block).find('\0', begin);
  if (found == std::string_view::npos) return block.size();
  if (!all_zero(block.subspan(found))) return bad_directory("bytes behind the last name");
  return found;
}

}  // namespace

Result<std::vector<Dirent>> parse_dirent_block(ByteSpan block) {
  const auto name_offset = [&](std::size_t i) -> std::size_t {
    return load_le<std::uint16_t>(block.data() + i * kDirentBytes + kDirentNameOffset);
  };
  if (block.size() <= kDirentBytes || block.size() > kBlockBytesMax)
    return bad_directory("its size is out of range");
  const std::size_t heads_bytes = name_offset(0);
  if (heads_bytes == 0 || heads_bytes % kDirentBytes != 0 || heads_bytes >= block.size())
    return bad_directory("the first name lies at a wrong place");
  const std::size_t count = heads_bytes / kDirentBytes;
  if (name_offset(count - 1) >= block.size()) return bad_directory("the last name lies outside");
  SHOAL_TRY(const std::size_t names_end, end_of_names(block, name_offset(count - 1)));
  std::vector<Dirent> dirents;
  dirents.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* const head = block.data() + i * kDirentBytes;
    const std::size_t begin = name_offset(i);
    const std::size_t end = i + 1 < count ? name_offset(i + 1) : names_end;
    const auto type = load_le<std::uint8_t>(head + kDirentType);
    if (begin < heads_bytes || end <= begin || end > names_end || end - begin > kNameBytesMax)
      return bad_directory("a name is empty, too long or at a wrong place");
    const std::string_view name = as_text(block.subspan(begin, end - begin));
    if (name.find('\0') != std::string_view::npos || name.find('/') != std::string_view::npos)
      return bad_directory("a name holds a NUL or a slash");
    if (type != std::to_underlying(FileType::regular) &&
        type != std::to_underlying(FileType::directory))
      return bad_directory("an entry is neither a file nor a directory");
    if (load_le<std::uint8_t>(head + kDirentReserved) != 0)
      return bad_directory("a reserved byte is set");
    if (!dirents.empty() && dirents.back().name >= name)
      return bad_directory("names are out of order");
    dirents.push_back({load_le<std::uint64_t>(head), static_cast<FileType>(type), name});
  }
  return dirents;
}

}  // namespace shoal::format::erofs
