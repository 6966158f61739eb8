// SPDX-License-Identifier: Apache-2.0
// Goal: the published shuffle is what its description says, for ever. Method: vectors computed by a
// program written from the description in another language, and properties.
#include "prefetch/shuffle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace shoal::prefetch {
namespace {

std::vector<std::uint64_t> order_of(const ShuffleOptions& options,
                                    const std::vector<std::uint32_t>& files_per_chunk) {
  ShuffleRule rule(options, files_per_chunk);
  std::vector<std::uint64_t> all;
  std::vector<std::uint64_t> group;
  while (rule.next_group(group)) all.insert(all.end(), group.begin(), group.end());
  return all;
}

std::uint64_t mix(std::uint64_t x) {
  return Rng(x).next();
}

TEST(Shuffle, vectors) {
  const std::vector<std::uint32_t> chunks{3, 2, 0, 4, 1};
  EXPECT_EQ(order_of({.seed = 1, .epoch = 0, .group_chunks = 2}, chunks),
            (std::vector<std::uint64_t>{1, 2, 3, 4, 0, 9, 8, 6, 5, 7}));
  EXPECT_EQ(order_of({.seed = 1, .epoch = 1, .group_chunks = 2}, chunks),
            (std::vector<std::uint64_t>{6, 7, 1, 5, 0, 8, 2, 4, 3, 9}));
  EXPECT_EQ(order_of({.seed = 42, .epoch = 7}, std::vector<std::uint32_t>(10, 1)),
            (std::vector<std::uint64_t>{2, 3, 1, 6, 5, 8, 4, 0, 9, 7}));
  std::vector<std::uint32_t> many;
  for (std::uint32_t chunk = 0; chunk < 100; ++chunk) many.push_back(chunk * 7 % 5);
  const auto order = order_of({.seed = 2026, .epoch = 3, .group_chunks = 8}, many);
  std::uint64_t hash = 0;
  for (const std::uint64_t file : order) hash = mix(hash ^ file);
  EXPECT_EQ(hash, 0xa61dd138ec1f94cull);
}

TEST(Shuffle, every_file_once_and_a_group_touches_few_chunks) {
  std::vector<std::uint32_t> chunks;
  for (std::uint32_t chunk = 0; chunk < 1000; ++chunk) chunks.push_back(chunk % 41);
  ShuffleRule rule({.seed = 5, .epoch = 2, .group_chunks = 32}, chunks);
  std::vector<std::uint32_t> chunk_of;
  for (std::uint32_t chunk = 0; chunk < 1000; ++chunk)
    chunk_of.insert(chunk_of.end(), chunks[chunk], chunk);
  ASSERT_EQ(rule.file_count(), chunk_of.size());
  std::set<std::uint64_t> seen;
  std::vector<std::uint64_t> group;
  while (rule.next_group(group)) {
    std::set<std::uint32_t> touched;
    for (const std::uint64_t file : group) {
      EXPECT_TRUE(seen.insert(file).second);
      touched.insert(chunk_of.at(file));
    }
    EXPECT_LE(touched.size(), 32u);
  }
  EXPECT_EQ(seen.size(), chunk_of.size());
}

TEST(Shuffle, neighbours_and_epochs_are_far_apart) {
  const std::vector<std::uint32_t> chunks(200, 50);
  const auto first = order_of({.seed = 9, .epoch = 0}, chunks);
  const auto second = order_of({.seed = 9, .epoch = 1}, chunks);
  EXPECT_NE(first, second);
  std::size_t neighbours = 0;
  std::size_t same = 0;
  for (std::size_t i = 1; i < first.size(); ++i) {
    neighbours += first[i] == first[i - 1] + 1 ? 1 : 0;
    same += first[i] == second[i] ? 1 : 0;
  }
  EXPECT_LE(neighbours, first.size() / 200);
  EXPECT_LE(same, first.size() / 200);
}

TEST(Shuffle, of_nothing_is_nothing) {
  EXPECT_TRUE(order_of({}, {}).empty());
  EXPECT_TRUE(order_of({}, {0, 0}).empty());
  EXPECT_EQ(order_of({.group_chunks = 0}, {2}).size(), 2u);
}

}  // namespace
}  // namespace shoal::prefetch
