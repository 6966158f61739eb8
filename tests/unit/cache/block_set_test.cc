// SPDX-License-Identifier: Apache-2.0
// Goal: a BlockSet is the set it says, at word boundaries and sizes that are no multiple of 64.
// Method: random operations against std::set.
#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"
#include "cache/block_set.h"

namespace shoal::cache {
namespace {

TEST(BlockSet, behaves_like_a_plain_set) {
  for (const std::uint32_t size : {1u, 63u, 64u, 65u, 1024u, 1000u}) {
    Rng rng(size);
    BlockSet set(size);
    std::set<std::uint32_t> model;
    for (int i = 0; i < 2000; ++i) {
      const auto begin = static_cast<std::uint32_t>(rng.below(size + 1));
      const auto end = begin + static_cast<std::uint32_t>(rng.below(size - begin + 1));
      if (rng.below(2) == 0) {
        set.add(begin, end);
        for (std::uint32_t b = begin; b < end; ++b) model.insert(b);
      } else {
        set.remove(begin, end);
        for (std::uint32_t b = begin; b < end; ++b) model.erase(b);
      }
      ASSERT_EQ(set.count(), model.size());
      const auto from = static_cast<std::uint32_t>(rng.below(size));
      const auto in = model.lower_bound(from);
      ASSERT_EQ(set.next_in(from), in == model.end() ? size : *in);
      std::uint32_t out = from;
      while (out < size && model.contains(out)) ++out;
      ASSERT_EQ(set.next_out(from), out);
      ASSERT_EQ(set.contains(from), model.contains(from));
      std::uint32_t run = from;
      while (run > 0 && model.contains(run - 1)) --run;
      ASSERT_EQ(set.run_begin(from), run);
      std::uint32_t gap = from;
      while (gap > 0 && !model.contains(gap - 1)) --gap;
      ASSERT_EQ(set.gap_begin(from), gap);
      for (const std::uint32_t group : {1u, 2u, 4u, 8u}) {
        std::set<std::uint32_t> groups;
        for (const std::uint32_t block : model) groups.insert(block / group);
        ASSERT_EQ(set.count_groups(group), groups.size());
      }
      ASSERT_EQ(set.empty(), model.empty());
    }
    const BlockSet copy = BlockSet::from_words(size, set.words());
    ASSERT_EQ(copy.words(), set.words());
  }
}

TEST(BlockSet, stored_words_past_the_size_are_ignored) {
  const BlockSet set = BlockSet::from_words(70, {~0ull, ~0ull, ~0ull});
  EXPECT_EQ(set.count(), 70u);
  EXPECT_EQ(set.words().size(), 2u);
  EXPECT_EQ(BlockSet::from_words(70, {}).count(), 0u);
}

TEST(BlockSet, union_and_difference) {
  BlockSet a(200), b(200);
  a.add(10, 100);
  b.add(50, 150);
  BlockSet both = a;
  both |= b;
  EXPECT_EQ(both.count(), 140u);
  EXPECT_TRUE(both.includes(a) && both.includes(b) && both.includes(BlockSet(200)));
  EXPECT_FALSE(a.includes(b) || BlockSet(200).includes(a));
  both -= a;
  EXPECT_EQ(both.count(), 50u);
  EXPECT_EQ(both.next_in(0), 100u);
}

}  // namespace
}  // namespace shoal::cache
