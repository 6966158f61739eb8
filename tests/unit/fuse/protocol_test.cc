// SPDX-License-Identifier: Apache-2.0
// Goal: requests of the kernel are read as sent or refused, and answers have the protocol's layout.
// Method: structures of <linux/fuse.h> as bytes, and every way of cutting them short.
#include "frontend/fuse/protocol.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include "unit/fuse/request_bytes.h"

namespace shoal::fuse::protocol {
namespace {

TEST(DecodeRequest, takes_what_the_kernel_sends) {
  const auto bytes = read_request(kUniqueResend | 42, 1ull << 40, 65536);
  const auto request = decode_request(bytes);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->opcode, static_cast<std::uint32_t>(FUSE_READ));
  EXPECT_EQ(request->unique, kUniqueResend | 42);
  EXPECT_EQ(request->node, 2u);
  const auto read = decode_read(request->body);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->offset, 1ull << 40);
  EXPECT_EQ(read->bytes, 65536u);
}

TEST(DecodeRequest, refuses_every_wrong_length) {
  auto bytes = read_request(1, 0, 1);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(decode_request(ByteSpan(bytes).first(length))) << length;
  bytes.push_back(std::byte{0});
  const auto longer = decode_request(bytes);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code(), ErrorCode::corrupt);
}

TEST(DecodeBodies, refuse_short_ones) {
  const std::vector<std::byte> room(64);
  for (std::size_t length = 0; length < sizeof(fuse_read_in); ++length)
    EXPECT_FALSE(decode_read(ByteSpan(room).first(length)));
  for (std::size_t length = 0; length < 16; ++length)
    EXPECT_FALSE(decode_init(ByteSpan(room).first(length)));
  for (std::size_t length = 0; length < 8; ++length) {
    EXPECT_FALSE(decode_open_flags(ByteSpan(room).first(length)));
    EXPECT_FALSE(decode_access_mask(ByteSpan(room).first(length)));
  }
}

TEST(DecodeName, ends_at_its_nul_and_needs_one) {
  const auto name = decode_name(as_bytes(std::string_view("image\0more", 10)));
  ASSERT_TRUE(name);
  EXPECT_EQ(*name, "image");
  EXPECT_FALSE(decode_name(as_bytes("image")));
  EXPECT_FALSE(decode_name({}));
}

TEST(DecodeInit, joins_the_two_halves_of_the_flags) {
  const auto bytes = init_request(1, 41, kInitExtended | kHasResend | kAsyncRead);
  const auto init = decode_init(decode_request(bytes)->body);
  ASSERT_TRUE(init);
  EXPECT_EQ(init->minor, 41u);
  EXPECT_EQ(init->flags, kInitExtended | kHasResend | kAsyncRead);
}

TEST(DecodeInit, an_old_kernel_has_no_upper_half) {
  const auto bytes = init_request(1, 31, kHasResend | kAsyncRead);
  const auto short_body = decode_request(bytes)->body.first(16);
  const auto init = decode_init(short_body);
  ASSERT_TRUE(init);
  EXPECT_EQ(init->flags, kAsyncRead);
  const auto claims_more = init_request(1, 36, kInitExtended);
  EXPECT_FALSE(decode_init(decode_request(claims_more)->body.first(16)));
}

TEST(EncodeHeader, negates_the_error_and_counts_the_payload) {
  const auto header = load_struct<fuse_out_header>(encode_header(7, 5, 100));
  EXPECT_EQ(header.len, 116u);
  EXPECT_EQ(header.error, -5);
  EXPECT_EQ(header.unique, 7u);
}

TEST(EncodeHeader, resend_is_code_seven_without_a_unique) {
  const auto header = load_struct<fuse_out_header>(encode_resend_notification());
  EXPECT_EQ(header.len, sizeof(fuse_out_header));
  EXPECT_EQ(header.error, 7);
  EXPECT_EQ(header.unique, 0u);
}

TEST(EncodeInitReply, puts_the_upper_flags_into_flags2) {
  const auto out =
      load_struct<fuse_init_out>(encode_init_reply({.minor = 40,
                                                    .flags = kInitExtended | kHasResend,
                                                    .max_readahead = 1,
                                                    .max_background = 256,
                                                    .max_write = 4096,
                                                    .max_pages = 256}));
  EXPECT_EQ(out.major, 7u);
  EXPECT_EQ(out.flags, static_cast<std::uint32_t>(kInitExtended));
  EXPECT_EQ(out.flags2, 1u << 7);
  EXPECT_EQ(out.max_background, 256u);
  EXPECT_EQ(out.congestion_threshold, 192u);
  EXPECT_EQ(out.max_pages, 256u);
}

TEST(DirectoryEntries, are_aligned_and_stop_at_the_bound) {
  std::vector<std::byte> records;
  ASSERT_TRUE(append_directory_entry(records, 40, "image", 2, DT_REG, 3));
  EXPECT_EQ(records.size(), 32u);
  const auto entry = load_struct<fuse_dirent>(records);
  EXPECT_EQ(entry.namelen, 5u);
  EXPECT_EQ(entry.off, 3u);
  EXPECT_FALSE(append_directory_entry(records, 40, "x", 2, DT_REG, 4));
  EXPECT_EQ(records.size(), 32u);
}

}  // namespace
}  // namespace shoal::fuse::protocol
