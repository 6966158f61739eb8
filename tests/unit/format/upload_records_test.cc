// SPDX-License-Identifier: Apache-2.0
// Goal: what an uploader's journal holds comes back exactly, also what version 1 wrote, and what
// nobody could have stored is refused. Method: round trips at the edges, the bytes of version 1,
// single-field damage, then every truncation and bit flip.
#include "format/upload_records.h"

#include <gtest/gtest.h>

#include <limits>

namespace shoal::format {
namespace {

using Kind = UploadJobRecord::Kind;
using Body = UploadJobRecord::Body;

template <typename Record>
void expect_round_trip(const Record& record) {
  Record decoded;
  const auto result = decode_into(encode(record), decoded);
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(decoded, record);
}

template <typename Record>
void expect_corrupt(std::string_view bytes) {
  Record decoded;
  const auto result = decode_into(bytes, decoded);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::corrupt);
  EXPECT_FALSE(result.error().remedy().empty());
}
template <typename Record>
void expect_corrupt(const Record& record) {
  expect_corrupt<Record>(std::string_view(encode(record)));
}

UploadJobRecord put_of_file() {
  return {.kind = Kind::put, .body = Body::file, .key = "p/k", .file = "/d/f", .size = 300};
}
MultipartRecord multipart() {
  return {.upload_id = "u-1",
          .part_bytes = 1000,
          .identity = {.size = 2500, .mtime_ns = -2, .ctime_ns = 3, .inode = 4},
          .started_at = 5};
}
SentRecord sent() {
  return {.file = "/d/f",
          .identity = {.size = 1, .mtime_ns = 2, .ctime_ns = 3, .inode = 4},
          .etag = "e-2"};
}

TEST(UploadRecords, come_back_as_they_were_stored) {
  expect_round_trip(JournalRecord{.bucket = "s3://b"});
  expect_round_trip(JournalRecord{.version = 7, .bucket = "oss://b", .endpoint = "http://h:1"});
  expect_round_trip(put_of_file());
  expect_round_trip(UploadJobRecord{.kind = Kind::put,
                                    .body = Body::in_journal,
                                    .key = std::string("\xff\0/k", 4),
                                    .size = 1ull << 56,
                                    .if_absent = true,
                                    .content_type = "text/plain"});
  expect_round_trip(UploadJobRecord{
      .kind = Kind::put, .body = Body::spooled, .key = "k", .file = "\xfe", .if_match = "e"});
  expect_round_trip(UploadJobRecord{
      .kind = Kind::append, .body = Body::spooled, .key = "k", .size = 9, .position = 0});
  expect_round_trip(UploadJobRecord{.kind = Kind::append,
                                    .body = Body::in_journal,
                                    .key = "k",
                                    .position = std::numeric_limits<std::uint64_t>::max()});
  expect_round_trip(UploadJobRecord{.kind = Kind::remove, .key = "k"});
  expect_round_trip(multipart());
  expect_round_trip(MultipartRecord{.part_bytes = 1, .identity = {.size = kPartsMax}});
  expect_round_trip(PartRecord{.etag = "e", .crc64 = ~0ull});
  expect_round_trip(SentRecord{});
  expect_round_trip(sent());
}

// What protobuf's own encoder writes for these values: a journal outlives the program.
TEST(UploadRecords, have_the_bytes_of_version_1) {
  EXPECT_EQ(encode(JournalRecord{.bucket = "s3://b", .endpoint = "h"}),
            "\x08\x01\x12\x06s3://b\x1a\x01h");
  EXPECT_EQ(encode(put_of_file()), "\x08\x01\x10\x03\x1a\x03p/k\x22\x04/d/f\x28\xac\x02");
  EXPECT_EQ(encode(UploadJobRecord{.kind = Kind::append,
                                   .body = Body::spooled,
                                   .key = "k",
                                   .size = 1,
                                   .if_absent = true,
                                   .if_match = "m",
                                   .content_type = "t",
                                   .position = 2}),
            "\x08\x02\x10\x02\x1a\x01k\x28\x01\x30\x01\x3a\x01m\x42\x01t\x48\x01\x50\x02");
  EXPECT_EQ(encode(multipart()),
            "\x0a\x03u-1\x10\xe8\x07\x1a\x09\x08\xc4\x13\x10\x03\x18\x06\x20\x04\x20\x0a");
  EXPECT_EQ(encode(PartRecord{.etag = "e", .crc64 = 0x0807060504030201}),
            "\x0a\x01"
            "e\x11\x01\x02\x03\x04\x05\x06\x07\x08");
  EXPECT_EQ(encode(sent()),
            "\x0a\x04/d/f\x12\x08\x08\x01\x10\x04\x18\x06\x20\x04\x1a\x03"
            "e-2");
}

TEST(UploadRecords, what_cannot_have_been_stored_is_corrupt) {
  expect_corrupt(JournalRecord{});
  expect_corrupt(JournalRecord{.version = 0, .bucket = "s3://b"});
  UploadJobRecord job = put_of_file();
  job.kind = static_cast<Kind>(0);
  expect_corrupt(job);
  job.kind = static_cast<Kind>(4);
  expect_corrupt(job);
  job = put_of_file();
  job.body = static_cast<Body>(4);
  expect_corrupt(job);
  job = put_of_file();
  job.key.clear();
  expect_corrupt(job);
  job = put_of_file();
  job.size = (1ull << 56) + 1;
  expect_corrupt(job);
  job = put_of_file();
  job.file.clear();
  expect_corrupt(job);
  job = put_of_file();
  job.body = Body::none;
  expect_corrupt(job);
  job = put_of_file();
  job.kind = Kind::remove;
  expect_corrupt(job);
  MultipartRecord parts = multipart();
  parts.part_bytes = 0;
  expect_corrupt(parts);
  parts = multipart();
  parts.identity.size = (1ull << 56) + 1;
  expect_corrupt(parts);
  parts.identity.size = (kPartsMax + 1) * parts.part_bytes;
  expect_corrupt(parts);
  expect_corrupt(PartRecord{});
}

// Ranges of protobuf's integers are wider than those of the values: nothing may wrap into range.
TEST(UploadRecords, numbers_beyond_their_range_do_not_wrap) {
  expect_corrupt<UploadJobRecord>(
      std::string_view("\x08\x81\x02\x10\x03\x1a\x01k\x22\x01"
                       "f"));
  expect_corrupt<UploadJobRecord>(
      std::string_view("\x08\x01\x10\x83\x02\x1a\x01k\x22\x01"
                       "f"));
}

TEST(UploadRecords, of_parts_too_many_by_one_are_corrupt) {
  MultipartRecord parts = multipart();
  parts.identity.size = kPartsMax * parts.part_bytes;
  expect_round_trip(parts);
  ++parts.identity.size;
  expect_corrupt(parts);
}

TEST(UploadRecords, a_missing_identity_reads_as_an_empty_one) {
  MultipartRecord decoded;
  ASSERT_TRUE(decode_into("\x10\x01", decoded));
  EXPECT_EQ(decoded, MultipartRecord{.part_bytes = 1});
}

TEST(UploadRecords, fields_of_a_newer_shoal_are_ignored) {
  const auto expect_ignored = [](const auto& record) {
    auto decoded = record;
    decoded = {};
    // Field 15: a varint, then eight bytes, then text.
    const std::string more = "\x78\x01\x79########\x7a\x02xy";
    const auto result = decode_into(encode(record) + more, decoded);
    ASSERT_TRUE(result) << result.error().to_string();
    EXPECT_EQ(decoded, record);
  };
  expect_ignored(JournalRecord{.bucket = "s3://b"});
  expect_ignored(put_of_file());
  expect_ignored(multipart());
  expect_ignored(PartRecord{.etag = "e"});
  expect_ignored(sent());
}

TEST(UploadRecords, a_record_that_is_used_again_keeps_nothing_of_the_one_before) {
  UploadJobRecord job = {.kind = Kind::append,
                         .body = Body::file,
                         .key = "old",
                         .file = "old",
                         .size = 9,
                         .if_absent = true,
                         .if_match = "old",
                         .content_type = "old",
                         .position = 9};
  const UploadJobRecord fresh{.kind = Kind::remove, .key = "k"};
  ASSERT_TRUE(decode_into(encode(fresh), job));
  EXPECT_EQ(job, fresh);
}

template <typename Record>
void damage(const Record& record) {
  const std::string bytes = encode(record);
  const auto check = [](std::string_view damaged) {
    Record decoded;
    const auto result = decode_into(damaged, decoded);
    if (!result)
      EXPECT_EQ(result.error().code(), ErrorCode::corrupt);
    else
      expect_round_trip(decoded);
  };
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    check(damaged);
  }
  for (std::size_t length = 0; length < bytes.size(); ++length)
    check(std::string_view(bytes).substr(0, length));
}

TEST(UploadRecords, damaged_bytes_are_refused_or_decode_to_a_valid_record) {
  damage(JournalRecord{.bucket = "s3://b", .endpoint = "http://h"});
  damage(put_of_file());
  damage(UploadJobRecord{.kind = Kind::append, .body = Body::spooled, .key = "k", .position = 7});
  damage(multipart());
  damage(PartRecord{.etag = "0123456789abcdef0123456789abcdef", .crc64 = 12});
  damage(sent());
}

}  // namespace
}  // namespace shoal::format
