// SPDX-License-Identifier: Apache-2.0
// Goal: encodings, digests and dates are the ones the services compute.
// Method: published values (RFC 1321, 4231, 2202, 4648, FIPS 180-2) and round trips.
#include "store/encoding.h"

#include <gtest/gtest.h>

namespace shoal::store {
namespace {

TEST(Percent, keeps_only_the_unreserved) {
  EXPECT_EQ(percent_encode("aZ09-._~ /+%\x01\xff", false), "aZ09-._~%20%2F%2B%25%01%FF");
  EXPECT_EQ(percent_encode("a/b c", true), "a/b%20c");
}

TEST(Percent, every_byte_survives) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(percent_decode(percent_encode(all, false), true), all);
  EXPECT_EQ(percent_decode(percent_encode(all, true), false), all);
}

TEST(Percent, broken_escapes_stay) {
  EXPECT_EQ(percent_decode("a+b%2B%2b%zz%4", true), "a b++%zz%4");
  EXPECT_EQ(percent_decode("a+b%", false), "a+b%");
}

TEST(Digest, published_values) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(md5("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha1("Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  // An empty key is a key, and not the one of the call before.
  EXPECT_EQ(hex(hmac_sha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Base64, published_values_and_back) {
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64_decode("Zm9vYg=="), "foob");
  EXPECT_EQ(base64_decode("Zm9vYmE="), "fooba");
  for (const char* text : {"", "Zm9", "????", "Zm9vY*=="})
    EXPECT_FALSE(base64_decode(text)) << text;
}

TEST(Dates, http_dates_go_both_ways) {
  const WallTime time(std::chrono::seconds(1702743657));
  EXPECT_EQ(format_http_date(time), "Sat, 16 Dec 2023 16:20:57 GMT");
  EXPECT_EQ(parse_http_date("Sat, 16 Dec 2023 16:20:57 GMT"), time);
  for (const char* text : {"", "Sat, 16 Foo 2023 16:20:57 GMT", "Sat, 31 Feb 2023 16:20:57 GMT",
                           "Sat, 16 Dec 2023 25:20:57 GMT", "Saturday, 16-Dec-23 16:20:57 GMT"})
    EXPECT_FALSE(parse_http_date(text)) << text;
}

TEST(Dates, list_pages_have_iso_dates) {
  EXPECT_EQ(parse_iso_date("2023-12-16T16:20:57.000Z"), 1702743657);
  EXPECT_EQ(parse_iso_date("2023-12-16T16:20:57Z"), 1702743657);
  EXPECT_EQ(parse_iso_date("2024-02-29T00:00:00.123456789Z"), 1709164800);
  for (const char* text :
       {"", "2023-12-16", "2023-02-29T00:00:00Z", "2023-12-16T16:20:57", "2023-12-16T16:20:57.Z",
        "2023-12-16T16:20:57.xZ", "2023-12-16 16:20:57Z"})
    EXPECT_FALSE(parse_iso_date(text)) << text;
}

}  // namespace
}  // namespace shoal::store
