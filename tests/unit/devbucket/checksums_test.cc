// SPDX-License-Identifier: Apache-2.0
// Goal: checksums are the published ones, in one piece or in many.
// Method: the check value of each CRC catalogue entry.
#include "devbucket/checksums.h"

#include <gtest/gtest.h>

#include "store/encoding.h"

namespace shoal::devbucket {
namespace {

constexpr std::string_view kCheck = "123456789";

template <typename Algorithm>
auto in_two(std::size_t cut) {
  Algorithm first;
  first.add(kCheck.substr(0, cut));
  Algorithm second(first.value());
  second.add(kCheck.substr(cut));
  return second.value();
}

TEST(Crc, published_check_values_in_any_two_pieces) {
  for (std::size_t cut = 0; cut <= kCheck.size(); ++cut) {
    EXPECT_EQ(in_two<Crc32>(cut), 0xcbf43926u);
    EXPECT_EQ(in_two<Crc32c>(cut), 0xe3069283u);
    EXPECT_EQ(in_two<Crc64Nvme>(cut), 0xae8b14860a799888ull);
    EXPECT_EQ(in_two<Crc64Xz>(cut), 0x995dc9bbdf1939faull);
  }
}

TEST(NamedChecksum, headers_carry_base64_of_the_big_endian_value) {
  const std::pair<const char*, const char*> cases[] = {{"crc32c", "4waSgw=="},
                                                       {"crc64nvme", "rosUhgp5mIg="}};
  for (const auto& [name, expected] : cases) {
    auto sum = make_checksum(name);
    ASSERT_NE(sum, nullptr);
    sum->add(kCheck);
    EXPECT_EQ(sum->finish(), expected);
  }
  EXPECT_EQ(make_checksum("crc16"), nullptr);
}

TEST(Digest, pieces_make_the_digest_of_the_whole) {
  Digest digest(Digest::Kind::md5);
  digest.add("1234");
  digest.add("56789");
  EXPECT_EQ(digest.finish(), store::md5(kCheck));
}

}  // namespace
}  // namespace shoal::devbucket
