// SPDX-License-Identifier: Apache-2.0
// Goal: CRC-64/XZ is the one OSS computes, in pieces and combined too.
// Method: published vectors, and random cuts of random bytes against the whole.
#include "base/crc64.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace shoal {
namespace {

constexpr std::string_view kDigits = "123456789";
constexpr std::string_view kSentence = "This is a test of the emergency broadcast system.";

std::uint64_t crc(std::string_view text, std::uint64_t previous = 0) {
  return crc64_xz(as_bytes(text), previous);
}

TEST(Crc64, agrees_with_the_published_vectors) {
  EXPECT_EQ(crc(""), 0u);
  EXPECT_EQ(crc(kDigits), 0x995dc9bbdf1939faull);
  EXPECT_EQ(crc(kSentence), 0x27db187fc15bbc72ull);
  EXPECT_EQ(crc64_combine(crc(kDigits), crc(kSentence), kSentence.size()), 0x6a7aa19fcbf48688ull);
}

TEST(Crc64, pieces_give_the_value_of_the_whole) {
  Rng rng(1);
  std::string text(10'000, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  const std::uint64_t whole = crc(text);
  for (int i = 0; i < 200; ++i) {
    const auto cut = static_cast<std::size_t>(rng.below(text.size() + 1));
    const std::string_view head = std::string_view(text).substr(0, cut);
    const std::string_view tail = std::string_view(text).substr(cut);
    EXPECT_EQ(crc(tail, crc(head)), whole) << cut;
    EXPECT_EQ(crc64_combine(crc(head), crc(tail), tail.size()), whole) << cut;
  }
}

TEST(Crc64, many_parts_combine_from_left_to_right) {
  const std::string part(4097, 'p');
  std::string text;
  std::uint64_t combined = 0;
  for (int i = 0; i < 9; ++i) {
    text += part;
    combined = crc64_combine(combined, crc(part), part.size());
  }
  EXPECT_EQ(combined, crc(text));
}

}  // namespace
}  // namespace shoal
