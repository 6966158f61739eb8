// SPDX-License-Identifier: Apache-2.0
// Goal: the zone in front of a reader moves with what is read, whatever the size of the reads.
#include "prefetch/lookahead.h"

#include <gtest/gtest.h>

namespace shoal::prefetch {
namespace {

constexpr std::uint64_t kFileBytes = 8192;

Range file(std::uint64_t number) {
  return {DataAddress{number * kFileBytes}, kFileBytes};
}

Lookahead with_files(std::uint64_t count) {
  Lookahead ahead({});
  for (std::uint64_t number = 0; number < count; ++number)
    EXPECT_TRUE(ahead.add(file(number), number));
  return ahead;
}

TEST(Lookahead, a_read_over_several_files_reads_them_all) {
  Lookahead ahead = with_files(8);
  const auto hit = ahead.on_read({{file(2).begin, 3 * kFileBytes}, true});
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->tag, 2u);
  EXPECT_TRUE(hit->is_first);
  EXPECT_EQ(ahead.files_read(), 3u);
  EXPECT_EQ(ahead.unread_files(), 5u);
  EXPECT_EQ(ahead.unread_bytes(), 5 * kFileBytes);
  EXPECT_FALSE(ahead.on_read({file(4), true})->is_first);
  EXPECT_TRUE(ahead.on_read({file(5), true})->is_first);
  // 0 and 1 are behind the furthest file read, 6 and 7 ahead of it.
  EXPECT_EQ(ahead.unread_files(), 4u);
}

TEST(Lookahead, a_read_that_ends_where_a_file_begins_does_not_read_it) {
  Lookahead ahead = with_files(2);
  ASSERT_TRUE(ahead.on_read({file(0), true}));
  EXPECT_EQ(ahead.files_read(), 1u);
  EXPECT_EQ(ahead.unread_files(), 1u);
}

TEST(Lookahead, a_read_of_another_file_is_none_of_its_business) {
  Lookahead ahead = with_files(2);
  EXPECT_FALSE(ahead.on_read({file(2), false}));
  EXPECT_EQ(ahead.files_read(), 0u);
}

}  // namespace
}  // namespace shoal::prefetch
