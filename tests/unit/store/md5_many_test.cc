// SPDX-License-Identifier: Apache-2.0
// Goal: many MD5s at once are the MD5s of the messages, whatever their lengths and number.
// Method: the vectors of RFC 1321, and OpenSSL as the reference.
#include "base/md5_many.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "store/encoding.h"

namespace shoal {
namespace {

std::string_view text_of(const Md5& digest) {
  return as_text(digest);
}

// As many lanes as this processor has, and fewer.
std::vector<std::size_t> lanes_here() {
  std::vector<std::size_t> lanes;
  for (std::size_t count = 4; count <= md5_lanes(); count *= 2) lanes.push_back(count);
  return lanes;
}

class Md5Many : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Lanes, Md5Many, testing::ValuesIn(lanes_here()));

TEST_P(Md5Many, gives_the_digests_of_rfc_1321) {
  const std::pair<std::string_view, std::string_view> vectors[] = {
      {"", "d41d8cd98f00b204e9800998ecf8427e"},
      {"a", "0cc175b9c0f1b6a831c399e269772661"},
      {"abc", "900150983cd24fb0d6963f7d28e17f72"},
      {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
       "d174ab98d277d9f5a5611c2c9f419d9f"},
      {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
       "57edf4a22be3c955ac49da2e2107b67a"}};
  std::vector<ByteSpan> messages;
  for (const auto& [message, digest] : vectors) messages.push_back(as_bytes(message));
  std::vector<Md5> digests(messages.size());
  md5_many(messages, digests, GetParam());
  for (std::size_t i = 0; i < messages.size(); ++i)
    EXPECT_EQ(store::hex(text_of(digests[i])), vectors[i].second) << vectors[i].first;
}

TEST_P(Md5Many, agrees_with_the_library_for_every_length_and_number) {
  Rng rng(17);
  std::vector<std::byte> bytes(40000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(rng.next() & 0xff);
  // Around the ends of blocks each length; then lanes that end at very different times.
  for (std::size_t count = 1; count <= 40; ++count) {
    std::vector<ByteSpan> messages;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t length = count % 2 == 0 ? count * 5 + i : rng.below(bytes.size());
      const std::size_t begin = rng.below(bytes.size() - length + 1);
      messages.push_back(ByteSpan(bytes).subspan(begin, length));
    }
    std::vector<Md5> digests(count);
    md5_many(messages, digests, GetParam());
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ(text_of(digests[i]), store::md5(as_text(messages[i])))
          << i << " of " << count << ", " << messages[i].size() << " bytes";
  }
}

TEST_P(Md5Many, of_nothing_is_nothing) {
  md5_many({}, {}, GetParam());
}

}  // namespace
}  // namespace shoal
