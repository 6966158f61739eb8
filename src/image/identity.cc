// SPDX-License-Identifier: Apache-2.0
#include "image/identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "format/layout.h"

namespace shoal::image {
namespace {

// Raised when the same index and options give other bytes, so that old images are written anew.
// 1: all directories in blocks of their own. 2: small ones behind their inodes.
constexpr std::uint64_t kWriterVersion = 2;

// Every part with its length in front: no two lists of parts make the same text.
class Digest {
 public:
  Digest& add(std::uint64_t number) {
    std::byte raw[sizeof number];
    store_le(raw, number);
    text_.append(as_text(raw));
    return *this;
  }
  Digest& add(std::string_view text) {
    add(text.size());
    text_.append(text);
    return *this;
  }
  // FNV-1a: tells generations apart, whose layout ids are random already; guards against nobody.
  [[nodiscard]] std::uint64_t value() const {
    std::uint64_t hash = 0xCBF29CE484222325ull;
    for (const char byte : text_)
      hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3ull;
    return hash;
  }

 private:
  std::string text_;
};

std::uint64_t generation_digest(const format::DatasetRecord& dataset,
                                const format::GenerationRecord& generation,
                                std::uint64_t writer_version = kWriterVersion) {
  return Digest()
      .add(writer_version)
      .add(dataset.url)
      .add(dataset.endpoint)
      .add(dataset.geometry.block_bytes)
      .add(generation.generation.value)
      .add(generation.layout_id)
      .add(generation.files)
      .add(generation.directories)
      .add(generation.object_bytes)
      .add(generation.data_end.value)
      .add(static_cast<std::uint64_t>(generation.listed_at))
      .value();
}

std::uint64_t options_digest(const WriteOptions& options) {
  return Digest()
      .add(options.uid)
      .add(options.gid)
      .add(options.file_mode)
      .add(options.directory_mode)
      .value();
}

// An image of any writer so far shows the same files; it may be larger.
bool is_image_of(const format::erofs::Superblock& superblock, const format::DatasetRecord& dataset,
                 const format::GenerationRecord& generation) {
  const auto digest = load_le<std::uint64_t>(superblock.uuid.data());
  for (std::uint64_t version = 1; version <= kWriterVersion; ++version)
    if (digest == generation_digest(dataset, generation, version)) return true;
  return false;
}

}  // namespace

std::array<std::byte, 16> image_uuid(const format::DatasetRecord& dataset,
                                     const format::GenerationRecord& generation,
                                     const WriteOptions& options) {
  std::array<std::byte, 16> uuid{};
  store_le(uuid.data(), generation_digest(dataset, generation));
  store_le(uuid.data() + 8, options_digest(options));
  return uuid;
}

Result<format::erofs::Superblock> check_image(ByteSpan head, std::uint64_t file_bytes,
                                              const format::DatasetRecord& dataset,
                                              const format::GenerationRecord& generation) {
  SHOAL_TRY(auto superblock, format::erofs::decode_superblock(head));
  if (!is_image_of(superblock, dataset, generation) ||
      superblock.block_bytes != dataset.geometry.block_bytes ||
      superblock.blocks != image_bytes_of(dataset, generation) / superblock.block_bytes)
    return fail(ErrorCode::precondition,
                fmt::format("image: it does not show generation {} of {} as the index has it",
                            generation.generation.value, dataset.url),
                "Write the image again (shoal index build).");
  const std::uint64_t inode_bytes_max = file_bytes / format::erofs::kInodeBytes;
  if (superblock.inodes == 0 || superblock.inodes >= inode_bytes_max)
    return fail(
        ErrorCode::corrupt,
        fmt::format("image: {} bytes are too few for its {} inodes", file_bytes, superblock.inodes),
        "Write the image again (shoal index build).");
  return superblock;
}

std::uint64_t image_bytes_of(const format::DatasetRecord& dataset,
                             const format::GenerationRecord& generation) {
  return format::kDataRegionStart +
         round_up(generation.data_end.value, dataset.geometry.block_bytes);
}

}  // namespace shoal::image
