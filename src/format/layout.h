// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"

// Where things lie in an image. Part of the stored format: never change a value, add a version.

namespace shoal::format {

// The metadata region is [0, kDataRegionStart); the data region begins there, whatever the number
// of files, so that data addresses do not move when metadata grows. Sparse, so the gap is free.
inline constexpr std::uint64_t kDataRegionStart = 64ull << 30;

// No chunk is larger: it is one buffer in memory and one GET, and its block bitmap is one record.
inline constexpr std::uint32_t kChunkBytesMax = 64u << 20;
// Sizes and addresses stay below this, so that sums of two of them never wrap. Two thousand times
// the largest dataset known.
inline constexpr std::uint64_t kDataBytesMax = 1ull << 62;

inline constexpr std::uint32_t kBlockBytesMin = 512;  // of any geometry

struct Geometry {
  std::uint32_t block_bytes = 4096;      // EROFS block: 512 or 4096
  std::uint32_t chunk_bytes = 4u << 20;  // multiple of block_bytes
  constexpr bool operator==(const Geometry&) const = default;
  [[nodiscard]] constexpr bool is_valid() const {
    return (block_bytes == 512 || block_bytes == 4096) && chunk_bytes >= block_bytes &&
           chunk_bytes <= kChunkBytesMax && chunk_bytes % block_bytes == 0;
  }
  [[nodiscard]] constexpr std::uint32_t blocks_per_chunk() const {
    return chunk_bytes / block_bytes;
  }
  [[nodiscard]] constexpr ChunkId chunk_of(DataAddress address) const {
    return {address.value / chunk_bytes};
  }
  [[nodiscard]] constexpr DataAddress start_of(ChunkId chunk) const {
    return {chunk.value * chunk_bytes};
  }
};

// Hands out data addresses in walk order. Each object starts at a block; one no larger than a chunk
// never straddles two chunks; a larger one starts at a chunk. An empty object takes no space and
// gets the current end.
class AddressAllocator {
 public:
  AddressAllocator(Geometry geometry, DataAddress start) : geometry_(geometry), next_(start) {}
  [[nodiscard]] DataAddress place(std::uint64_t object_bytes) {
    std::uint64_t begin = round_up(next_.value, geometry_.block_bytes);
    const std::uint64_t chunk = geometry_.chunk_bytes;
    if (object_bytes > chunk) {
      begin = round_up(begin, chunk);
    } else if (object_bytes > 0 && begin / chunk != (begin + object_bytes - 1) / chunk) {
      begin = round_up(begin, chunk);
    }
    next_ = {begin + object_bytes};
    return {begin};
  }
  // First free block: the data region's size so far.
  [[nodiscard]] DataAddress end() const { return {round_up(next_.value, geometry_.block_bytes)}; }

 private:
  Geometry geometry_;
  DataAddress next_;
};

}  // namespace shoal::format
