// SPDX-License-Identifier: Apache-2.0
// Goal: the EROFS structures have the documented bytes, and decoders refuse every byte that the
// encoders would not have written.
// Method: known bytes, round trips, each bit of a structure flipped.
#include "format/erofs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace shoal::format::erofs {
namespace {

Superblock example(std::uint32_t block_bytes = 4096) {
  Superblock superblock{.block_bytes = block_bytes,
                        .meta_block = 4096 / block_bytes,
                        .root_nid = 2,
                        .inodes = 12345,
                        .blocks = 0x01020304,
                        .uuid = {},
                        .volume_name = "shoal"};
  for (std::size_t i = 0; i < superblock.uuid.size(); ++i)
    superblock.uuid[i] = static_cast<std::byte>(0xA0 + i);
  return superblock;
}

std::vector<std::byte> head_with(const Superblock& superblock) {
  std::vector<std::byte> head(4096);
  const std::vector<std::byte> region = encode(superblock);
  std::ranges::copy(region, head.begin() + kSuperblockOffset);
  return head;
}

TEST(ErofsCrc, known_answer) {
  // CRC-32C of "123456789" is E3069283 with the final inversion, which EROFS leaves out.
  EXPECT_EQ(~crc32c_update(0xFFFFFFFFu, as_bytes("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c_update(crc32c_update(0xFFFFFFFFu, as_bytes("1234")), as_bytes("56789")),
            ~0xE3069283u);
}

TEST(ErofsSuperblock, has_the_documented_bytes) {
  const std::vector<std::byte> region = encode(example());
  ASSERT_EQ(region.size(), 3072u);
  const auto at = [&](std::size_t offset) { return std::to_integer<int>(region[offset]); };
  EXPECT_EQ(load_le<std::uint32_t>(region.data()), 0xE0F5E1E2u);
  EXPECT_EQ(load_le<std::uint32_t>(region.data() + 8), 3u);
  EXPECT_EQ(at(12), 12);
  EXPECT_EQ(load_le<std::uint16_t>(region.data() + 14), 2u);
  EXPECT_EQ(load_le<std::uint64_t>(region.data() + 16), 12345u);
  EXPECT_EQ(load_le<std::uint32_t>(region.data() + 36), 0x01020304u);
  EXPECT_EQ(load_le<std::uint32_t>(region.data() + 40), 1u);
  EXPECT_EQ(at(48), 0xA0);
  EXPECT_EQ(as_text(ByteSpan(region).subspan(64, 6)), std::string_view("shoal\0", 6));
  EXPECT_EQ(load_le<std::uint32_t>(region.data() + 80), 0u);
  // The shortcut of new kernels: state 5045B54A after the first eight bytes.
  EXPECT_EQ(crc32c_update(0x5045B54Au, ByteSpan(region).subspan(8)),
            load_le<std::uint32_t>(region.data() + 4));
}

TEST(ErofsSuperblock, survives_the_round_trip_in_every_block_size_and_width) {
  for (const std::uint32_t block_bytes : {512u, 1024u, 2048u, 4096u}) {
    for (const std::uint64_t blocks : std::initializer_list<std::uint64_t>{
             1, kBlocksMax32, kBlocksMax32 + 1, 1ull << 33, kBlocksMax48}) {
      Superblock superblock = example(block_bytes);
      superblock.blocks = blocks;
      const auto decoded = decode_superblock(head_with(superblock));
      ASSERT_TRUE(decoded) << decoded.error().to_string();
      EXPECT_EQ(*decoded, superblock);
      EXPECT_EQ(load_le<std::uint32_t>(encode(superblock).data() + 80),
                blocks > kBlocksMax32 ? 0x80u : 0u);
    }
  }
}

TEST(ErofsSuperblock, every_flipped_bit_is_noticed) {
  for (const std::uint32_t block_bytes : {512u, 4096u}) {
    const std::vector<std::byte> good = head_with(example(block_bytes));
    for (std::size_t bit = 0; bit < superblock_region_bytes(block_bytes) * 8; ++bit) {
      std::vector<std::byte> bad = good;
      bad[kSuperblockOffset + bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      EXPECT_FALSE(decode_superblock(bad)) << "bit " << bit;
    }
  }
}

// With the checksum made right again, so that the fields themselves must be refused.
TEST(ErofsSuperblock, unknown_features_and_reserved_fields_are_refused_behind_a_good_checksum) {
  const auto decode_with = [](std::size_t offset, std::uint8_t value) {
    std::vector<std::byte> head = head_with(example());
    const std::span<std::byte> region = std::span(head).subspan(kSuperblockOffset, 3072);
    region[offset] = static_cast<std::byte>(value);
    store_le<std::uint32_t>(region.data() + 4, 0);
    store_le<std::uint32_t>(region.data() + 4, crc32c_update(0xFFFFFFFFu, region));
    return decode_superblock(head);
  };
  ASSERT_TRUE(decode_with(12, 12));
  EXPECT_EQ(decode_with(80, 0x04).error().code(), ErrorCode::unsupported);  // chunked files
  EXPECT_EQ(decode_with(8, 0x07).error().code(), ErrorCode::unsupported);
  EXPECT_EQ(decode_with(80, 0x80).error().code(), ErrorCode::corrupt);  // 48BIT for no reason
  EXPECT_EQ(decode_with(14, 0).error().code(), ErrorCode::corrupt);     // root nid 0
  EXPECT_EQ(decode_with(79, 'x').error().code(), ErrorCode::corrupt);   // name without its NUL
  for (const std::size_t offset :
       {13, 24, 32, 44, 84, 86, 88, 90, 91, 92, 96, 104, 106, 108, 112, 120, 200})
    EXPECT_FALSE(decode_with(offset, 1)) << offset;
}

TEST(ErofsSuperblock, short_images_are_corrupt) {
  const std::vector<std::byte> head = head_with(example());
  for (std::size_t bytes = 0; bytes < head.size(); ++bytes)
    EXPECT_EQ(decode_superblock(ByteSpan(head).first(bytes)).error().code(), ErrorCode::corrupt);
}

Inode example_inode() {
  return {.type = FileType::regular,
          .permissions = 0440,
          .size = 5'000'000'000,
          .start_block = 0x1'2345'6789,
          .serial = 77,
          .uid = 100'000,
          .gid = 200'000,
          .mtime = -5,
          .links = 1};
}
Superblock huge() {
  Superblock superblock = example();
  superblock.blocks = kBlocksMax48;
  return superblock;
}

TEST(ErofsInode, has_the_documented_bytes_and_survives_the_round_trip) {
  std::array<std::byte, kInodeBytes> raw{};
  encode(example_inode(), raw);
  EXPECT_EQ(load_le<std::uint16_t>(raw.data()), 1u);
  EXPECT_EQ(load_le<std::uint16_t>(raw.data() + 4), 0100440u);
  EXPECT_EQ(load_le<std::uint16_t>(raw.data() + 6), 1u);
  EXPECT_EQ(load_le<std::uint64_t>(raw.data() + 8), 5'000'000'000u);
  EXPECT_EQ(load_le<std::uint32_t>(raw.data() + 16), 0x23456789u);
  EXPECT_EQ(load_le<std::uint32_t>(raw.data() + 24), 100'000u);
  EXPECT_EQ(load_le<std::uint64_t>(raw.data() + 32), static_cast<std::uint64_t>(-5));
  EXPECT_EQ(load_le<std::uint32_t>(raw.data() + 44), 1u);
  const auto decoded = decode_inode(raw, huge());
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(*decoded, example_inode());
  Inode directory = example_inode();
  directory.type = FileType::directory;
  directory.links = 1'000'000;
  encode(directory, raw);
  EXPECT_EQ(decode_inode(raw, huge()).value(), directory);
}

TEST(ErofsInode, directory_with_an_inline_tail_needs_one_block_less) {
  Inode directory{.type = FileType::directory,
                  .size = 3 * 4096 + 2048,
                  .start_block = 7,
                  .links = 2,
                  .has_inline_tail = true};
  std::array<std::byte, kInodeBytes> raw{};
  encode(directory, raw);
  EXPECT_EQ(load_le<std::uint16_t>(raw.data()), 5u);
  Superblock tight = example();
  tight.blocks = 10;
  ASSERT_TRUE(decode_inode(raw, tight));
  EXPECT_EQ(decode_inode(raw, tight).value(), directory);
  tight.blocks = 9;
  EXPECT_FALSE(decode_inode(raw, tight));
  // No tail, or one that has a block of its own.
  for (const std::uint64_t size : {0u, 4096u, 2049u, 4095u}) {
    directory.size = size;
    encode(directory, raw);
    EXPECT_FALSE(decode_inode(raw, huge())) << size;
  }
}

TEST(ErofsInode, tails_up_to_half_a_block_lie_behind_the_inode) {
  for (const std::uint32_t block_bytes : {512u, 1024u, 4096u}) {
    EXPECT_EQ(inline_tail_bytes(0, block_bytes), 0u);
    EXPECT_EQ(inline_tail_bytes(27, block_bytes), 27u);
    EXPECT_EQ(inline_tail_bytes(block_bytes / 2, block_bytes), block_bytes / 2);
    EXPECT_EQ(inline_tail_bytes(block_bytes / 2 + 1, block_bytes), 0u);
    EXPECT_EQ(inline_tail_bytes(block_bytes, block_bytes), 0u);
    EXPECT_EQ(inline_tail_bytes(std::uint64_t{9} * block_bytes + 1, block_bytes), 1u);
  }
}

TEST(ErofsInode, what_no_encoder_writes_is_corrupt) {
  const auto decode_with = [](std::size_t offset, std::uint8_t value,
                              const Superblock& superblock) {
    std::array<std::byte, kInodeBytes> raw{};
    encode(example_inode(), raw);
    raw[offset] = static_cast<std::byte>(value);
    return decode_inode(raw, superblock);
  };
  ASSERT_TRUE(decode_with(0, 1, huge()));
  EXPECT_FALSE(decode_with(0, 0, huge()));      // compact
  EXPECT_FALSE(decode_with(0, 5, huge()));      // inline data of a file
  EXPECT_FALSE(decode_with(1, 1, huge()));      // unknown bit
  EXPECT_FALSE(decode_with(2, 1, huge()));      // xattrs
  EXPECT_FALSE(decode_with(5, 0xA1, huge()));   // a symbolic link
  EXPECT_FALSE(decode_with(15, 0x80, huge()));  // negative size
  EXPECT_FALSE(decode_with(40, 1, huge()));     // nanoseconds
  EXPECT_FALSE(decode_with(44, 0, huge()));     // no link
  EXPECT_FALSE(decode_with(63, 1, huge()));     // reserved
  EXPECT_FALSE(decode_with(0, 1, example()));   // starts behind the image's end
  Superblock tight = example();
  tight.blocks = 0x1'2345'6789 + (5'000'000'000 + 4095) / 4096;
  EXPECT_TRUE(decode_with(0, 1, tight));
  --tight.blocks;
  EXPECT_FALSE(decode_with(0, 1, tight));
}

TEST(ErofsDirectory, block_has_the_documented_bytes) {
  DirentBlock builder;
  builder.add({2, FileType::directory, "."});
  builder.add({4, FileType::regular, "ab"});
  std::vector<std::byte> block(512, std::byte{0xFF});
  builder.finish(block);
  EXPECT_TRUE(builder.empty());
  EXPECT_EQ(load_le<std::uint64_t>(block.data()), 2u);
  EXPECT_EQ(load_le<std::uint16_t>(block.data() + 8), 24u);
  EXPECT_EQ(std::to_integer<int>(block[10]), 2);
  EXPECT_EQ(load_le<std::uint64_t>(block.data() + 12), 4u);
  EXPECT_EQ(load_le<std::uint16_t>(block.data() + 20), 25u);
  EXPECT_EQ(std::to_integer<int>(block[22]), 1);
  EXPECT_EQ(as_text(ByteSpan(block).subspan(24, 4)), std::string_view(".ab\0", 4));
  EXPECT_TRUE(
      std::all_of(block.begin() + 27, block.end(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST(ErofsDirectory, packer_and_block_agree_for_random_names) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    const auto block_bytes = static_cast<std::uint32_t>(512u << rng.below(4));
    DirentPacker packer(block_bytes);
    DirentBlock builder;
    std::vector<std::string> names;
    std::string name;
    // Ascending names: each is the one before with a tail that sorts behind it.
    for (std::uint64_t i = 0; i < 1000; ++i) {
      name = encode_be(static_cast<std::uint32_t>(0x61616161 + i * 0x101));
      std::ranges::replace(name, '\0', '\1');
      std::ranges::replace(name, '/', '0');
      name.append(rng.below(rng.below(5) == 0 ? 252 : 10), static_cast<char>(1 + rng.below(46)));
      if (!names.empty() && name <= names.back()) continue;
      if (packer.add(name.size()) && !builder.empty()) break;
      names.push_back(name);
      builder.add({i, FileType::regular, name});
    }
    std::vector<std::byte> block(block_bytes);
    builder.finish(block);
    const auto parsed = parse_dirent_block(block);
    ASSERT_TRUE(parsed) << "seed " << seed << ": " << parsed.error().to_string();
    ASSERT_EQ(parsed->size(), names.size());
    for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ((*parsed)[i].name, names[i]);
  }
}

TEST(ErofsDirectory, block_filled_to_the_last_byte_parses) {
  // 12 + 244, twice, is 512.
  DirentPacker packer(512);
  EXPECT_TRUE(packer.add(244));
  EXPECT_FALSE(packer.add(244));
  EXPECT_EQ(packer.directory_bytes(), 512u);
  EXPECT_TRUE(packer.add(1));
  EXPECT_EQ(packer.blocks(), 2u);
  EXPECT_EQ(packer.directory_bytes(), 512u + 13);
  DirentBlock builder;
  const std::string first(244, 'a');
  const std::string second(244, '\xFF');
  builder.add({2, FileType::regular, first});
  builder.add({4, FileType::regular, second});
  std::vector<std::byte> block(512);
  builder.finish(block);
  const auto parsed = parse_dirent_block(block);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->back().name, second);
}

TEST(ErofsDirectory, damaged_blocks_are_corrupt) {
  DirentBlock builder;
  builder.add({2, FileType::directory, "."});
  builder.add({2, FileType::directory, ".."});
  builder.add({4, FileType::regular, "file"});
  std::vector<std::byte> good(512);
  builder.finish(good);
  ASSERT_TRUE(parse_dirent_block(good));
  ASSERT_TRUE(parse_dirent_block(ByteSpan(good).first(43)));
  const auto refused = [&](std::size_t offset, std::uint8_t value) {
    std::vector<std::byte> bad = good;
    bad[offset] = static_cast<std::byte>(value);
    return !parse_dirent_block(bad);
  };
  EXPECT_TRUE(refused(8, 0));     // no entry
  EXPECT_TRUE(refused(8, 37));    // no multiple of 12
  EXPECT_TRUE(refused(9, 2));     // outside
  EXPECT_TRUE(refused(20, 36));   // an empty name
  EXPECT_TRUE(refused(20, 60));   // behind the next one
  EXPECT_TRUE(refused(33, 2));    // the last name outside
  EXPECT_TRUE(refused(34, 7));    // a symbolic link
  EXPECT_TRUE(refused(35, 1));    // reserved
  EXPECT_TRUE(refused(36, '/'));  // slash
  EXPECT_TRUE(refused(37, 0));    // NUL inside a name
  EXPECT_TRUE(refused(36, 'z'));  // order
  EXPECT_TRUE(refused(500, 1));   // bytes behind the last name
  EXPECT_FALSE(parse_dirent_block(ByteSpan(good).first(12)));
  EXPECT_FALSE(parse_dirent_block({}));
  for (std::size_t bytes = 0; bytes < 40; ++bytes)
    EXPECT_FALSE(parse_dirent_block(ByteSpan(good).first(bytes))) << bytes;
}

}  // namespace
}  // namespace shoal::format::erofs
