// SPDX-License-Identifier: Apache-2.0
// Goal: the small values everything stands on behave at their edges.
// Method: direct calls.
#include <gtest/gtest.h>

#include <sstream>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace shoal {
namespace {

TEST(ParseBytes, accepts_the_ways_people_write_sizes) {
  std::uint64_t bytes = 0;
  EXPECT_TRUE(parse_bytes("512", bytes));
  EXPECT_EQ(bytes, 512u);
  EXPECT_TRUE(parse_bytes("64K", bytes));
  EXPECT_EQ(bytes, 65536u);
  EXPECT_TRUE(parse_bytes("8MiB", bytes));
  EXPECT_EQ(bytes, 8u << 20);
  EXPECT_TRUE(parse_bytes("1.5g", bytes));
  EXPECT_EQ(bytes, 3ull << 29);
}

TEST(ParseBytes, refuses_what_is_no_size) {
  std::uint64_t bytes = 7;
  for (const char* text : {"", "x", "-1", "5Q", "1 M", "9999999999999P", "1MiBs", "nan"})
    EXPECT_FALSE(parse_bytes(text, bytes)) << text;
  EXPECT_EQ(bytes, 7u);
}

TEST(Bytes, integers_survive_both_byte_orders) {
  std::byte raw[8];
  store_le<std::uint32_t>(raw, 0xE0F5E1E2u);
  EXPECT_EQ(std::to_integer<int>(raw[0]), 0xE2);
  EXPECT_EQ(load_le<std::uint32_t>(raw), 0xE0F5E1E2u);
  EXPECT_EQ(encode_be<std::uint16_t>(0x0102), std::string("\x01\x02"));
  EXPECT_EQ(decode_be<std::uint64_t>(encode_be<std::uint64_t>(1ull << 63)), 1ull << 63);
}

TEST(Secret, prints_as_stars) {
  std::ostringstream out;
  out << Secret("hunter2");
  EXPECT_EQ(out.str(), "****");
}

Result<int> half_of(int number) {
  if (number % 2 != 0)
    return fail(ErrorCode::bad_input, "halve 3: it is odd", "Give an even number.");
  return number / 2;
}
Result<int> quarter_of(int number) {
  SHOAL_TRY(const int half, half_of(number));
  SHOAL_TRY(const int quarter, half_of(half));
  return quarter;
}

TEST(Result, try_hands_the_error_up_with_its_remedy) {
  EXPECT_EQ(quarter_of(8).value(), 2);
  const auto failed = quarter_of(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().to_string(), "halve 3: it is odd (bad input). Give an even number.");
}

}  // namespace
}  // namespace shoal
