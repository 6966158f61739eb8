// SPDX-License-Identifier: Apache-2.0
// Goal: Range headers mean what S3 and what OSS say they mean.
// Method: a table per service.
#include "devbucket/byte_range.h"

#include <gtest/gtest.h>

namespace shoal::devbucket {
namespace {

constexpr ByteRange kWhole{RangeKind::whole, 0, 100};
constexpr ByteRange kNone{RangeKind::unsatisfiable, 0, 0};
ByteRange part(std::uint64_t offset, std::uint64_t length) {
  return {RangeKind::part, offset, length};
}
ByteRange s3(const char* header) {
  return parse_range(header, 100, RangeRules::standard);
}
ByteRange oss(const char* header) {
  return parse_range(header, 100, RangeRules::oss_lenient);
}

TEST(ParseRange, both_services_agree_on_ranges_inside_the_object) {
  for (auto* parse : {s3, oss}) {
    EXPECT_EQ(parse("bytes=0-0"), part(0, 1));
    EXPECT_EQ(parse("bytes=10-19"), part(10, 10));
    EXPECT_EQ(parse("bytes=90-"), part(90, 10));
    EXPECT_EQ(parse("bytes=-10"), part(90, 10));
    EXPECT_EQ(parse("bytes=0-99"), part(0, 100));
  }
}

TEST(ParseRange, s3_clips_late_ends_and_refuses_late_starts) {
  EXPECT_EQ(s3("bytes=90-200"), part(90, 10));
  EXPECT_EQ(s3("bytes=-200"), part(0, 100));
  EXPECT_EQ(s3("bytes=100-"), kNone);
  EXPECT_EQ(s3("bytes=200-300"), kNone);
  EXPECT_EQ(s3("bytes=-0"), kNone);
  EXPECT_EQ(parse_range("bytes=0-", 0, RangeRules::standard), kNone);
}

TEST(ParseRange, oss_sends_everything_unless_the_range_is_inside) {
  for (const char* header :
       {"bytes=90-200", "bytes=-200", "bytes=100-", "bytes=200-300", "bytes=-0"})
    EXPECT_EQ(oss(header), kWhole) << header;
}

TEST(ParseRange, what_is_no_single_range_is_ignored) {
  for (const char* header : {"", "bytes", "bytes=", "bytes=a-b", "bytes=5-3", "bytes=0-1,3-4",
                             "items=0-1", "bytes=-", "bytes=+1-2", "bytes=99999999999999999999-"})
    EXPECT_EQ(s3(header), kWhole) << header;
}

}  // namespace
}  // namespace shoal::devbucket
