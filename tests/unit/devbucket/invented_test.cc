// SPDX-License-Identifier: Apache-2.0
// Goal: invented keys and ranks are each other's inverse, in byte order; content tells its place.
// Method: whole small sets, samples of huge ones, brute-force bounds.
#include "devbucket/invented.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"

namespace shoal::devbucket {
namespace {

InventedSet make(const std::string& text) {
  auto set = parse_invented(text);
  EXPECT_TRUE(set) << (set ? "" : set.error().to_string());
  return set ? *set : InventedSet{};
}

std::string key_at(const InventedSet& set, std::uint64_t rank) {
  std::string key;
  invented_key(set, rank, key);
  return key;
}

TEST(ParseInvented, refuses_what_is_no_dataset) {
  for (const char* text :
       {"", "b", "b:0:flat", "b:x:flat", "b:5:round", "b:5:flat:x", "b:5:flat:2K-1K",
        "b:5:flat:1K:9", "b:5:dirs=", "b:5:dirs=0", "b:5:dirs=6", "b:5:dirs=2x", "b:5:dirs",
        ".b:5:flat", "b:9999999999999:flat"})
    EXPECT_FALSE(parse_invented(text)) << text;
  const InventedSet set = make("b:5:tree:1KiB-16KiB");
  EXPECT_EQ(set.size_min_bytes, 1024u);
  EXPECT_EQ(set.size_max_bytes, 16384u);
}

TEST(InventedKey, keys_have_the_documented_forms) {
  EXPECT_EQ(key_at(make("b:1000000:flat"), 7), "f00000007.dat");
  EXPECT_EQ(key_at(make("b:10000000:tree"), 0), "AAAA/2010-01-04.csv");
  EXPECT_EQ(key_at(make("b:10000000:tree"), 2520), "AAAB/2010-01-04.csv");
  EXPECT_EQ(key_at(make("b:10000000:tree"), 5), "AAAA/2010-01-11.csv");  // after a weekend
  EXPECT_EQ(key_at(make("b:1000000:dirs=200"), 4999), "d00000000/f00004999.dat");
  EXPECT_EQ(key_at(make("b:1000000:dirs=200"), 5000), "d00000001/f00000000.dat");
  EXPECT_EQ(key_at(make("b:1000000:dirs=1000000"), 7), "d00000007/f00000000.dat");
  EXPECT_EQ(key_at(make("b:5:dirs=2"), 4), "d00000001/f00000001.dat");
}

TEST(InventedKey, keys_grow_and_every_bound_agrees_with_a_search) {
  for (const char* text : {"b:1000:flat", "b:1000:tree", "b:1:flat", "b:2:tree", "b:1000:dirs=7",
                           "b:1000:dirs=1000"}) {
    const InventedSet set = make(text);
    std::vector<std::string> keys;
    for (std::uint64_t rank = 0; rank < set.count; ++rank) keys.push_back(key_at(set, rank));
    ASSERT_TRUE(std::is_sorted(keys.begin(), keys.end(), std::less_equal<>())) << text;
    Rng rng(3);
    for (int round = 0; round < 2000; ++round) {
      std::string probe = keys[rng.below(keys.size())];
      probe.resize(rng.below(probe.size() + 1));
      if (rng.below(2) == 0) probe += static_cast<char>(rng.below(256));
      const auto expected = std::lower_bound(keys.begin(), keys.end(), probe) - keys.begin();
      EXPECT_EQ(invented_lower_bound(set, probe), static_cast<std::uint64_t>(expected)) << probe;
    }
  }
}

TEST(InventedKey, ranks_of_huge_sets_come_back) {
  for (const char* text : {"b:10000000:tree", "b:123456789012:flat", "b:10000000:dirs=200"}) {
    const InventedSet set = make(text);
    Rng rng(5);
    for (int round = 0; round < 500; ++round) {
      const std::uint64_t rank = rng.below(set.count);
      EXPECT_EQ(invented_lower_bound(set, key_at(set, rank)), rank);
      EXPECT_EQ(invented_lower_bound(set, key_at(set, rank) + '\0'), rank + 1);
    }
  }
}

TEST(InventedSize, stays_in_its_range_and_differs) {
  const InventedSet set = make("b:1000:flat:10-19");
  std::vector<int> seen(10);
  for (std::uint64_t rank = 0; rank < set.count; ++rank) {
    const std::uint64_t size = invented_size(set, key_at(set, rank));
    ASSERT_GE(size, 10u);
    ASSERT_LE(size, 19u);
    ++seen[size - 10];
  }
  EXPECT_TRUE(std::ranges::all_of(seen, [](int count) { return count > 0; }));
  EXPECT_NE(invented_etag(set, "f00000001.dat"), invented_etag(set, "f00000002.dat"));
  EXPECT_EQ(invented_etag(set, "f00000001.dat").size(), 34u);
}

TEST(InventedContent, any_slice_is_a_slice_of_the_whole) {
  const std::string key = "AAAA/2010-01-04.csv";
  std::string whole(1000, ' ');
  invented_content(key, 0, whole);
  EXPECT_EQ(whole.substr(0, 36), "0000000000000000 AAAA/2010-01-04.csv");
  EXPECT_EQ(whole.substr(63, 18), "\n0000000000000040 ");
  Rng rng(9);
  for (int round = 0; round < 500; ++round) {
    const std::size_t offset = rng.below(whole.size());
    std::string slice(rng.below(whole.size() - offset + 1), ' ');
    invented_content(key, offset, slice);
    EXPECT_EQ(slice, whole.substr(offset, slice.size()));
  }
}

}  // namespace
}  // namespace shoal::devbucket
