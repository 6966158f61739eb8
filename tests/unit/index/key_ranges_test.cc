// SPDX-License-Identifier: Apache-2.0
// Goal: ranges always partition the key space, also when they come back from the disk.
// Method: random splits with the partition asserted; damaged records.
#include "index/key_ranges.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace shoal::index {
namespace {

TEST(KeyRanges, random_splits_and_progress_keep_the_partition) {
  Rng rng(7);
  KeyRanges ranges;
  for (int i = 0; i < 500; ++i) {
    const std::string key = std::to_string(rng.below(100000));
    KeyRange* range = ranges.ahead_of(key);
    if (range == nullptr || key == range->through) continue;
    if (rng.below(20) == 0) {
      range->after = key;
    } else {
      const std::string through = range->through;
      KeyRange& right = ranges.split(*range, key);
      EXPECT_EQ(right.through, through);
      EXPECT_EQ(right.after, key);
      EXPECT_EQ(ranges.by_id(right.id), &right);
    }
    ranges.assert_partition();
  }
  EXPECT_GT(ranges.all().size(), 50u);
  ListingRanges records;
  for (const auto& [begin, range] : ranges.all()) records[range.id] = range.record();
  auto restored = KeyRanges::restore(records);
  ASSERT_TRUE(restored) << restored.error().to_string();
  ASSERT_EQ(restored->all().size(), ranges.all().size());
  for (const auto& [begin, range] : ranges.all())
    EXPECT_EQ(restored->by_id(range.id)->record(), range.record());
}

TEST(KeyRanges, a_key_is_ahead_of_exactly_one_unfinished_range) {
  KeyRanges ranges;
  KeyRange& left = *ranges.by_id(0);
  KeyRange& right = ranges.split(left, "m");
  left.after = "c";
  EXPECT_EQ(ranges.ahead_of("b"), nullptr);
  EXPECT_EQ(ranges.ahead_of("c"), nullptr);
  EXPECT_EQ(ranges.ahead_of("d"), &left);
  EXPECT_EQ(ranges.ahead_of("m"), &left);
  EXPECT_EQ(ranges.ahead_of("n"), &right);
  right.done = true;
  EXPECT_EQ(ranges.ahead_of("n"), nullptr);
}

TEST(KeyRanges, stored_ranges_that_overlap_or_leave_the_end_open_are_corrupt) {
  const auto refused = [](const ListingRanges& records) {
    const auto restored = KeyRanges::restore(records);
    return !restored && restored.error().code() == ErrorCode::corrupt;
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({{0, {.through = "m"}}}));
  EXPECT_TRUE(refused({{0, {}}, {1, {}}}));
  EXPECT_TRUE(refused({{0, {.through = "m"}}, {1, {.after = "c"}}}));
  EXPECT_TRUE(
      refused({{0, {.through = "m"}}, {1, {.after = "m", .through = "m"}}, {2, {.after = "m"}}}));
  EXPECT_FALSE(refused({{0, {.through = "m"}}, {1, {.after = "m"}}}));
}

}  // namespace
}  // namespace shoal::index
