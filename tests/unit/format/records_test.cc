// SPDX-License-Identifier: Apache-2.0
// Goal: what is stored comes back exactly, and what nobody could have stored is refused.
// Method: round trips at the edges, then single-field damage, then every truncation and bit flip.
#include "format/records.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/rng.h"

namespace shoal::format {
namespace {

constexpr char kMd5[] = "0123456789abcdef0123456789abcdef";

template <typename Record>
void expect_round_trip(const Record& record) {
  const auto decoded = decode<Record>(encode(record));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(*decoded, record);
}

template <typename Record>
void expect_corrupt(const Record& record) {
  const auto decoded = decode<Record>(encode(record));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), ErrorCode::corrupt) << decoded.error().to_string();
  EXPECT_FALSE(decoded.error().remedy().empty());
}

DatasetRecord dataset() {
  return {.url = "s3://b/p/",
          .endpoint = "http://127.0.0.1:9000",
          .region = "eu-central-1",
          .addressing = "path",
          .signature = "v4",
          .sign_requests = false,
          .geometry = {.block_bytes = 512, .chunk_bytes = 1u << 20}};
}

Extent extent(std::string path, std::uint32_t chunk_offset, std::uint32_t length) {
  return {.path = std::move(path),
          .etag = kMd5,
          .object_size = length,
          .object_offset = 0,
          .chunk_offset = chunk_offset,
          .length = length};
}

TEST(Records, come_back_as_they_were_stored) {
  expect_round_trip(dataset());
  expect_round_trip(ObjectRecord{});
  expect_round_trip(ObjectRecord{.kind = ObjectRecord::Kind::directory,
                                 .size = kDataBytesMax,
                                 .mtime = -1,
                                 .etag = "5cf50a8c-3",
                                 .storage_class = "STANDARD_IA",
                                 .address = {kDataBytesMax}});
  expect_round_trip(ChunkRecord{});
  expect_round_trip(ChunkRecord{{extent("a", 0, 1),
                                 extent("d/b\xff", 4096, 512),
                                 {.path = "big",
                                  .etag = "",
                                  .object_size = 9ull << 40,
                                  .object_offset = 4ull << 40,
                                  .chunk_offset = 8192,
                                  .length = kChunkBytesMax - 8192}}});
  expect_round_trip(GenerationRecord{.generation = {7},
                                     .layout_id = ~0ull,
                                     .files = 1,
                                     .directories = 2,
                                     .object_bytes = 3,
                                     .special_keys = 4,
                                     .data_end = {5},
                                     .listed_at = 6,
                                     .listing_seconds = 0.25,
                                     .list_requests = 8});
  expect_round_trip(ListingRange{});
  expect_round_trip(ListingRange{.after = "a", .through = "b", .done = true, .keys = 9});
  expect_round_trip(CacheRecord{.layout_id = 1, .present = {0, ~0ull}, .sealed = true, .xxh3 = 2});
  expect_round_trip(CacheRecord{.layout_id = 1, .present = {1}, .xxh3 = 2, .pinned = true});
  expect_round_trip(
      SpecialRecord{.key = std::string("a\0b", 3), .reason = SpecialReason::nul_byte, .size = 12});
}

TEST(Records, an_etag_of_any_form_survives_and_an_md5_takes_sixteen_bytes) {
  const std::string plain = encode(ObjectRecord{});
  EXPECT_LE(encode(ObjectRecord{.etag = kMd5}).size(), plain.size() + 18);
  for (const std::string& etag :
       {std::string(), std::string("x"), std::string("0123456789ABCDEF0123456789ABCDEF"),
        std::string("0123456789abcdef0123456789abcdeg"), std::string(kMd5) + "-12",
        std::string(16, '\0'), std::string("\xff\xfe")})
    expect_round_trip(ObjectRecord{.etag = etag});
}

// What protobuf's own encoder writes for these values: stored bytes outlive the program.
TEST(Records, objects_and_extents_have_the_bytes_of_records_proto) {
  const ObjectRecord object{.kind = ObjectRecord::Kind::directory,
                            .size = 300,
                            .mtime = -2,
                            .etag = kMd5,
                            .storage_class = "GLACIER",
                            .address = {1ull << 40}};
  const std::string md5("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16);
  EXPECT_EQ(encode(object), "\x08\x01\x10\xac\x02\x18\x03\x22\x10" + md5 +
                                "\x32\x07GLACIER\x38\x80\x80\x80\x80\x80\x20");
  EXPECT_EQ(encode(ObjectRecord{.etag = "x"}), "\x2a\x01x");
  EXPECT_EQ(encode(ChunkRecord{{{.path = "a/b",
                                 .etag = kMd5,
                                 .object_size = 5000,
                                 .object_offset = 1,
                                 .chunk_offset = 512,
                                 .length = 2}}}),
            "\x0a\x21\x0a\x03"
            "a/b\x12\x10" +
                md5 + "\x20\x88\x27\x28\x01\x30\x80\x04\x38\x02");
}

TEST(Records, an_address_and_extents_are_added_to_encoded_records) {
  ObjectRecord object{.size = 1, .mtime = 5, .etag = "e", .storage_class = "IA"};
  for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{127}, kDataBytesMax}) {
    std::string bytes = encode(object);
    append_address({address}, bytes);
    ObjectRecord placed = object;
    placed.address = {address};
    EXPECT_EQ(bytes, encode(placed));
  }
  const ChunkRecord chunk{{extent("a", 0, 1), extent("b", 512, 100)}};
  std::string bytes;
  for (const Extent& one : chunk.extents) append_extent(one, bytes);
  EXPECT_EQ(bytes, encode(chunk));
}

TEST(Records, a_record_that_is_used_again_keeps_nothing_of_the_one_before) {
  ObjectRecord record{.kind = ObjectRecord::Kind::directory,
                      .size = 9,
                      .mtime = 9,
                      .etag = "old",
                      .storage_class = "OLD",
                      .address = {9}};
  const ObjectRecord before = record;
  EXPECT_FALSE(decode_into("\x08", record));
  EXPECT_FALSE(decode_into(encode(ObjectRecord{.size = ~0ull}), record));
  EXPECT_FALSE(decode_into("\x22\x01x", record));
  EXPECT_EQ(record, before);
  ASSERT_TRUE(decode_into("", record));
  EXPECT_EQ(record, ObjectRecord{});
}

TEST(Records, damaged_objects_are_refused_or_decode_to_a_valid_record) {
  const std::string bytes = encode(ObjectRecord{.size = 70'000,
                                                .mtime = 1'700'000'000,
                                                .etag = kMd5,
                                                .storage_class = "IA",
                                                .address = {1ull << 40}});
  int refused = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    const auto decoded = decode<ObjectRecord>(damaged);
    if (decoded) {
      expect_round_trip(*decoded);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
  // Field 15 with each of the wire types there are, then with two there are not, and field 0.
  for (const std::string& newer : {std::string("\x78\x80\x01"),
                                   std::string("\x79"
                                               "12345678"),
                                   std::string("\x7a\x01z"),
                                   std::string("\x7d"
                                               "1234")}) {
    EXPECT_TRUE(decode<ObjectRecord>(bytes + newer));
    EXPECT_FALSE(decode<ObjectRecord>(bytes + newer.substr(0, newer.size() - 1)));
  }
  for (const std::string& broken :
       {std::string("\x7b"), std::string("\x7f"), std::string("\0\0", 2),
        "\x78" + std::string(10, '\xff') + "\x01",
        std::string("\x7a\xff\xff\xff\xff\xff\xff\xff\xff\x7f")})
    EXPECT_FALSE(decode<ObjectRecord>(bytes + broken));
}

TEST(Records, impossible_objects_are_corrupt) {
  expect_corrupt(ObjectRecord{.size = kDataBytesMax + 1});
  expect_corrupt(ObjectRecord{.address = {~0ull}});
  expect_corrupt(ObjectRecord{.kind = static_cast<ObjectRecord::Kind>(2)});
}

TEST(Records, impossible_chunks_are_corrupt) {
  expect_corrupt(ChunkRecord{{extent("a", 0, 0)}});
  expect_corrupt(ChunkRecord{{extent("a", 100, 1)}});
  expect_corrupt(ChunkRecord{{extent("a", kChunkBytesMax, 1)}});
  expect_corrupt(ChunkRecord{{extent("a", 0, 513), extent("b", 512, 1)}});
  expect_corrupt(ChunkRecord{{extent("b", 4096, 1), extent("a", 0, 1)}});
  for (const std::string& path : {std::string(), std::string("/a"), std::string("a//b"),
                                  std::string("a/"), std::string("a/../b"), std::string("a\0", 2)})
    expect_corrupt(ChunkRecord{{extent(path, 0, 1)}});
  Extent outside = extent("a", 0, 10);
  outside.object_offset = 1;
  expect_corrupt(ChunkRecord{{outside}});
  outside.object_size = 10;
  outside.object_offset = ~0ull - 4;
  expect_corrupt(ChunkRecord{{outside}});
}

TEST(Records, impossible_states_are_corrupt) {
  DatasetRecord bad = dataset();
  bad.geometry.block_bytes = 1024;
  expect_corrupt(bad);
  bad = dataset();
  bad.geometry.chunk_bytes = 512 * 3 + 1;
  expect_corrupt(bad);
  bad = dataset();
  bad.url.clear();
  expect_corrupt(bad);
  bad = dataset();
  bad.version = 0;
  expect_corrupt(bad);
  expect_corrupt(GenerationRecord{.generation = {0}});
  expect_corrupt(GenerationRecord{.data_end = {kDataBytesMax + 1}});
  expect_corrupt(GenerationRecord{.listing_seconds = -1});
  expect_corrupt(GenerationRecord{.listing_seconds = std::numeric_limits<double>::quiet_NaN()});
  expect_corrupt(ListingRange{.after = "b", .through = "a"});
  expect_corrupt(CacheRecord{.present = {0}, .sealed = true});
  expect_corrupt(CacheRecord{.present = std::vector<std::uint64_t>(2049)});
  expect_corrupt(SpecialRecord{.reason = static_cast<SpecialReason>(7)});
}

TEST(Records, a_newer_dataset_is_unsupported_and_both_versions_are_named) {
  DatasetRecord newer = dataset();
  newer.version = 12;
  const auto decoded = decode<DatasetRecord>(encode(newer));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), ErrorCode::unsupported);
  EXPECT_NE(decoded.error().message().find("version 12"), std::string::npos);
  EXPECT_NE(decoded.error().message().find("up to 1"), std::string::npos);
}

TEST(Records, fields_of_a_newer_shoal_are_ignored) {
  const ListingRange range{.after = "a"};
  // Field 15, wire type 0 (varint), value 1.
  const auto decoded = decode<ListingRange>(encode(range) + "\x78\x01");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, range);
}

TEST(Records, damaged_bytes_are_refused_or_decode_to_a_valid_record) {
  ChunkRecord chunk;
  for (std::uint32_t i = 0; i < 20; ++i)
    chunk.extents.push_back(extent("dir/file" + std::to_string(i), i * 4096, 1000 + i));
  const std::string bytes = encode(chunk);
  int refused = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    const auto decoded = decode<ChunkRecord>(damaged);
    if (!decoded) {
      ++refused;
      EXPECT_EQ(decoded.error().code(), ErrorCode::corrupt);
    } else {
      expect_round_trip(*decoded);
    }
  }
  EXPECT_GT(refused, 0);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto decoded = decode<ChunkRecord>(std::string_view(bytes).substr(0, length));
    if (decoded) {
      expect_round_trip(*decoded);
    }
  }
}

TEST(WalkKey, goes_both_ways_and_sorts_a_directory_right_behind_its_name) {
  EXPECT_EQ(walk_key("a/b"), std::string("a\0b", 3));
  EXPECT_EQ(walk_key("a/"), std::string("a\0", 2));
  EXPECT_EQ(path_of(walk_key("a/b/c/")), "a/b/c/");
  EXPECT_LT(walk_key("a/z"), walk_key("a b"));
  EXPECT_LT(walk_key("a/z"), walk_key("a-1"));
  EXPECT_LT(walk_key("a"), walk_key("a/"));
  EXPECT_LT(walk_key("a/"), walk_key("a/\x01"));
}

}  // namespace
}  // namespace shoal::format
