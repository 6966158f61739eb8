// SPDX-License-Identifier: Apache-2.0
// Goal: data addresses keep the promises that the cache and the fetcher rely on.
// Method: random object sizes around block and chunk edges, checked against the rules.
#include "format/layout.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace shoal::format {
namespace {

TEST(AddressAllocator, never_overlaps_never_straddles_and_starts_at_blocks) {
  for (const Geometry geometry :
       {Geometry{4096, 4u << 20}, Geometry{512, 4096}, Geometry{512, 512}, Geometry{4096, 12288}}) {
    AddressAllocator addresses(geometry, {0});
    Rng rng(geometry.chunk_bytes);
    std::uint64_t end = 0;
    for (int i = 0; i < 20000; ++i) {
      std::uint64_t size = rng.below(3 * std::uint64_t{geometry.chunk_bytes});
      if (i % 3 == 0) size = rng.below(2 * std::uint64_t{geometry.block_bytes});
      if (i % 7 == 0) size = geometry.chunk_bytes + rng.below(3) - 1;
      const std::uint64_t begin = addresses.place(size).value;
      ASSERT_EQ(begin % geometry.block_bytes, 0u);
      ASSERT_GE(begin, end);
      if (size > geometry.chunk_bytes) {
        ASSERT_EQ(begin % geometry.chunk_bytes, 0u);
      } else if (size > 0) {
        ASSERT_EQ(geometry.chunk_of({begin}), geometry.chunk_of({begin + size - 1}));
      }
      end = begin + size;
      ASSERT_EQ(addresses.end().value, round_up(end, geometry.block_bytes));
    }
  }
}

TEST(Geometry, only_sizes_that_erofs_and_our_buffers_can_hold_are_valid) {
  EXPECT_TRUE(Geometry{}.is_valid());
  EXPECT_TRUE((Geometry{512, 512}).is_valid());
  EXPECT_TRUE((Geometry{4096, kChunkBytesMax}).is_valid());
  EXPECT_FALSE((Geometry{1024, 4096}).is_valid());
  EXPECT_FALSE((Geometry{4096, 0}).is_valid());
  EXPECT_FALSE((Geometry{4096, 4096 + 512}).is_valid());
  EXPECT_FALSE((Geometry{4096, 2 * kChunkBytesMax}).is_valid());
}

}  // namespace
}  // namespace shoal::format
