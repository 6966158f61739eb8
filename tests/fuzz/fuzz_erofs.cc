// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes make the EROFS decoders crash, and what they accept is what the encoders write.
// Method: the first byte picks the decoder; accepted values are encoded again and compared.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "format/erofs.h"

namespace {

namespace erofs = shoal::format::erofs;
using shoal::ByteSpan;
using shoal::store_le;

// A checksum nobody can guess would hide the checks behind it: make it right.
void try_superblock(ByteSpan input) {
  std::vector<std::byte> head(input.begin(), input.end());
  constexpr std::size_t begin = erofs::kSuperblockOffset;
  if (head.size() < begin + 128) head.insert(head.begin(), begin, std::byte{0});
  head.resize(std::max<std::size_t>(head.size(), 4096));
  store_le<std::uint32_t>(head.data() + begin, 0xE0F5E1E2u);
  const std::uint32_t bits = std::to_integer<std::uint32_t>(head[begin + 12]);
  if (bits >= 9 && bits <= 12) {
    const auto region = std::span(head).subspan(begin, erofs::superblock_region_bytes(1u << bits));
    store_le<std::uint32_t>(region.data() + 4, 0);
    store_le<std::uint32_t>(region.data() + 4, erofs::crc32c_update(0xFFFFFFFFu, region));
  }
  const auto superblock = erofs::decode_superblock(head);
  if (!superblock) return;
  const std::vector<std::byte> again = erofs::encode(*superblock);
  SHOAL_ASSERT(std::equal(again.begin(), again.end(), head.begin() + begin));
}

void try_inode(ByteSpan input) {
  if (input.size() < erofs::kInodeBytes) return;
  const auto raw = input.first<erofs::kInodeBytes>();
  const auto inode = erofs::decode_inode(raw, {.blocks = erofs::kBlocksMax48});
  if (!inode) return;
  std::array<std::byte, erofs::kInodeBytes> again{};
  erofs::encode(*inode, again);
  SHOAL_ASSERT(std::ranges::equal(again, raw));
}

void try_directory(ByteSpan input) {
  const auto dirents = erofs::parse_dirent_block(input);
  if (!dirents) return;
  erofs::DirentBlock builder;
  for (const erofs::Dirent& dirent : *dirents) builder.add(dirent);
  std::vector<std::byte> again(input.size());
  builder.finish(again);
  SHOAL_ASSERT(std::ranges::equal(again, input));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan input = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 3) {
    case 0:
      try_superblock(input);
      break;
    case 1:
      try_inode(input);
      break;
    default:
      try_directory(input);
      break;
  }
  return 0;
}
