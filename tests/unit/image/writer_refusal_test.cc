// SPDX-License-Identifier: Apache-2.0
// Goal: a damaged index, a full disk or a stop gives an error with its reason, never a wrong image;
// memory does not grow with the number of files.
// Method: entries that no index may hold, failing sinks at every write, counted buffers.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fmt/format.h>

#include "image/directory_records.h"
#include "image/emit_pass.h"
#include "image/gathered_writes.h"
#include "image/identity.h"
#include "image/plan.h"
#include "image/size_pass.h"
#include "unit/image/fake_index.h"
#include "unit/image/memory_image.h"

namespace shoal::image {
namespace {

constexpr format::Geometry kGeometry{};
constexpr std::uint64_t kUuidOfVersion1 = 0xf1d7bc3d99018ce0;

FakeIndex index_of(std::vector<index::Entry> entries) {
  const std::uint64_t count = entries.size();
  return FakeIndex(
      kGeometry, count, {1 << 20},
      [entries = std::move(entries)](std::uint64_t i, index::Entry& entry) { entry = entries[i]; });
}
index::Entry file_at(std::string path) {
  return {std::move(path), {.size = 1, .mtime = 1, .etag = {}, .storage_class = {}, .address = {}}};
}
index::Entry marker_at(std::string path) {
  index::Entry entry = file_at(std::move(path));
  entry.record.kind = format::ObjectRecord::Kind::directory;
  entry.record.size = 0;
  return entry;
}
// Keeps nothing: what a million files leave behind is the writer's own memory.
class CountingSink final : public Sink {
 public:
  Result<void> write(std::uint64_t, ByteSpan bytes) override {
    bytes_written += bytes.size();
    piece_bytes_max = std::max<std::uint64_t>(piece_bytes_max, bytes.size());
    return {};
  }
  std::uint64_t bytes_written = 0;
  std::uint64_t piece_bytes_max = 0;
};

ErrorCode code_of(const index::Index& index, const WriteOptions& options = {}) {
  MemoryBytes sink;
  MemoryBytes scratch;
  const auto result = write_image(index, sink, scratch, options);
  if (result) {
    ADD_FAILURE() << "an image was written";
    return ErrorCode::bug;
  }
  EXPECT_FALSE(result.error().message().empty());
  EXPECT_FALSE(format::erofs::decode_superblock(sink.content)) << "it looks like an image";
  return result.error().code();
}

TEST(ImageWriter, entries_out_of_walk_order_are_corrupt) {
  const std::vector<std::vector<index::Entry>> cases = {
      {file_at("b"), file_at("a")},
      {file_at("a"), file_at("a")},
      {file_at("a/b"), file_at("a")},                   // a file where a directory is
      {file_at("a"), file_at("a/b")},                   // a directory where a file is
      {file_at("a/b"), file_at("a!"), file_at("a/c")},  // content after the directory's end
      {file_at("a!"), file_at("a/b")},                  // plain byte order of paths
      {file_at("a/b"), marker_at("a")},                 // a marker behind its content
      {marker_at("a"), marker_at("a")},
      {file_at("d/x/1"), file_at("d/w")},
      {file_at("a"), marker_at("")},
  };
  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(code_of(index_of(cases[i])), ErrorCode::corrupt) << "case " << i;
}

TEST(ImageWriter, names_no_file_can_have_are_corrupt) {
  for (const std::string& path :
       {std::string(""), std::string("/a"), std::string("a//b"), std::string("a/"),
        std::string("."), std::string("a/.."), std::string("a\0b", 3), std::string(256, 'n')})
    EXPECT_EQ(code_of(index_of({file_at(path)})), ErrorCode::corrupt) << path;
  std::string deep = "d";
  for (int i = 0; i < 512; ++i) deep += "/d";
  EXPECT_EQ(code_of(index_of({file_at(deep)})), ErrorCode::corrupt);
}

TEST(ImageWriter, objects_outside_the_data_region_are_corrupt) {
  index::Entry unaligned = file_at("a");
  unaligned.record.address = {100};
  index::Entry past_end = file_at("a");
  past_end.record.address = {1 << 20};
  index::Entry too_long = file_at("a");
  too_long.record.size = (1 << 20) + 1;
  index::Entry overflowing = file_at("a");
  overflowing.record.size = ~0ull;
  overflowing.record.address = {4096};
  for (const index::Entry& entry : {unaligned, past_end, too_long, overflowing})
    EXPECT_EQ(code_of(index_of({entry})), ErrorCode::corrupt);
}

TEST(ImageWriter, unfinished_index_is_a_precondition) {
  FakeIndex index = index_of({file_at("a")});
  index.finished = false;
  EXPECT_EQ(code_of(index), ErrorCode::precondition);
}

TEST(ImageWriter, index_that_changes_between_the_passes_is_noticed) {
  FakeIndex fewer = index_of({file_at("a"), file_at("b"), file_at("c/d")});
  fewer.lose_by_walk(1);
  EXPECT_EQ(code_of(fewer), ErrorCode::precondition);
  std::uint64_t calls = 0;
  FakeIndex more(kGeometry, 2, {1 << 20}, [&](std::uint64_t i, index::Entry& entry) {
    entry = file_at(++calls <= 2 ? fmt::format("{}", i) : fmt::format("d{}/{}", i, i));
  });
  EXPECT_EQ(code_of(more), ErrorCode::precondition);
  std::uint64_t seen = 0;
  FakeIndex longer(kGeometry, 2, {1 << 20}, [&](std::uint64_t i, index::Entry& entry) {
    entry = file_at(++seen <= 2 ? fmt::format("{}", i) : fmt::format("{}longer", i));
  });
  EXPECT_EQ(code_of(longer), ErrorCode::precondition);
}

TEST(ImageWriter, modes_beyond_permission_bits_are_refused) {
  EXPECT_EQ(code_of(index_of({file_at("a")}), {.file_mode = 0100444}), ErrorCode::bad_input);
}

TEST(ImageWriter, stop_is_honoured) {
  const std::atomic<bool> stop = true;
  EXPECT_EQ(code_of(index_of({file_at("a")}), {.stop = &stop}), ErrorCode::canceled);
}

TEST(ImageWriter, metadata_over_its_region_is_a_limit) {
  // Counts alone decide, so no tree of this size is needed.
  constexpr std::uint64_t kMost = (64ull << 30) / 64;
  const auto fits =
      plan_metadata({.inodes = kMost - 100'000, .directories = 1, .directory_blocks = 9}, 4096, 0);
  ASSERT_TRUE(fits) << fits.error().to_string();
  EXPECT_EQ(fits->inode_area, fits->directory_area + 9 * 4096);
  const auto tails = plan_metadata(
      {.inodes = kMost - 100'000, .directories = 1, .tail_bytes = 100'000 * 64}, 4096, 0);
  ASSERT_FALSE(tails);
  EXPECT_EQ(tails.error().code(), ErrorCode::limit);
  const auto blocks = plan_metadata(
      {.inodes = kMost - 100'000, .directories = 1, .directory_blocks = 2000}, 4096, 0);
  ASSERT_FALSE(blocks);
  EXPECT_EQ(blocks.error().code(), ErrorCode::limit);
  EXPECT_TRUE(plan_metadata({.inodes = 9}, 512, (1ull << 57) - (128ull << 30)));
  const auto data = plan_metadata({.inodes = 9}, 512, 1ull << 57);
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code(), ErrorCode::limit);
  const auto inodes =
      plan_metadata({.inodes = kMost, .directories = 1, .directory_blocks = 1}, 512, 0);
  ASSERT_FALSE(inodes);
  EXPECT_EQ(inodes.error().code(), ErrorCode::limit);
}

TEST(ImageWriter, inodes_that_run_into_the_data_region_are_a_limit) {
  // What the plan cannot foresee are the gaps between inodes; an area that begins late stands for
  // them.
  constexpr std::uint64_t kFiles = 100;
  const FakeIndex index(
      kGeometry, kFiles, {kFiles * 4096},
      [](std::uint64_t i, index::Entry& entry) { entry = file_at(fmt::format("{:03}", i)); });
  MemoryBytes scratch;
  const auto sizes = measure_tree(index, scratch, kGeometry.block_bytes, nullptr);
  ASSERT_TRUE(sizes);
  auto plan = plan_metadata(*sizes, kGeometry.block_bytes, kFiles * 4096);
  ASSERT_TRUE(plan);
  CountingSink sink;
  plan->inode_area = format::kDataRegionStart - 16384;
  const auto fits = emit_tree(index, sink, scratch, *plan, {});
  ASSERT_TRUE(fits) << fits.error().to_string();
  EXPECT_LE(*fits, format::kDataRegionStart);
  plan->inode_area = format::kDataRegionStart - 4096;
  const auto late = emit_tree(index, sink, scratch, *plan, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::limit);
}

TEST(ImageWriter, failure_at_any_write_comes_back_as_it_is) {
  TreePlan plan;
  // Blocks, inodes in several pieces, and tails that come when their inodes are written out.
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 5000; ++j) plan.file(fmt::format("d{}/e/{:04}", i, j), 0);
  }
  plan.lay_out(kGeometry);
  const FakeIndex index = plan.index();
  MemoryBytes sink;
  MemoryBytes scratch;
  ASSERT_TRUE(write_image(index, sink, scratch, {}));
  ASSERT_GE(sink.writes, 18u);
  for (const bool fail_scratch : {false, true}) {
    for (std::uint64_t at = 1; at <= (fail_scratch ? scratch : sink).writes; ++at) {
      MemoryBytes bad_sink;
      MemoryBytes bad_scratch;
      (fail_scratch ? bad_scratch : bad_sink).fail_at = at;
      const auto result = write_image(index, bad_sink, bad_scratch, {});
      ASSERT_FALSE(result) << at;
      EXPECT_EQ(result.error().code(), ErrorCode::no_space);
    }
  }
}

std::int64_t peak_rss_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(ImageWriter, memory_does_not_grow_with_a_million_files_in_one_directory) {
  constexpr std::uint64_t kFiles = 1'000'000;
  const FakeIndex index(kGeometry, kFiles, {kFiles * 4096},
                        [](std::uint64_t i, index::Entry& entry) {
                          entry.path.clear();
                          fmt::format_to(std::back_inserter(entry.path), "all/{:08}.csv", i);
                          entry.record.size = 100;
                          entry.record.address = {i * 4096};
                        });
  CountingSink sink;
  MemoryBytes scratch;
  const std::int64_t before_kib = peak_rss_kib();
  const auto result = write_image(index, sink, scratch, {});
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(result->inodes, kFiles + 2);
  EXPECT_GT(sink.bytes_written, kFiles * (64 + 12 + 12));
  EXPECT_LE(sink.piece_bytes_max, 1u << 20);
  EXPECT_EQ(scratch.content.size(), 2 * kDirectoryRecordBytes);
  EXPECT_LT(peak_rss_kib() - before_kib, 8 << 10);  // the image is 88 MB
}

TEST(DirectoryRecords, come_back_in_order_however_far_apart_they_closed) {
  constexpr std::uint64_t kCount = 20'000;
  MemoryBytes scratch;
  DirectoryRecordWriter writer(scratch);
  const auto record_of = [](std::uint64_t number) {
    return DirectoryRecord{number * 3, -static_cast<std::int64_t>(number),
                           static_cast<std::uint32_t>(number + 2)};
  };
  // Every 1000th directory holds the 999 behind it; the first one holds all.
  for (std::uint64_t group = 0; group < kCount; group += 1000) {
    for (std::uint64_t i = 1; i < 1000; ++i)
      ASSERT_TRUE(writer.put(group + i, record_of(group + i)));
    if (group > 0) {
      ASSERT_TRUE(writer.put(group, record_of(group)));
    }
  }
  ASSERT_TRUE(writer.put(0, record_of(0)));
  ASSERT_TRUE(writer.flush());
  EXPECT_LT(scratch.writes, 40u);
  DirectoryRecordReader reader(scratch, kCount);
  for (std::uint64_t number = 0; number < kCount; ++number) {
    const auto record = reader.next();
    ASSERT_TRUE(record) << record.error().to_string();
    EXPECT_EQ(*record, record_of(number));
  }
  EXPECT_EQ(reader.next().error().code(), ErrorCode::precondition);
}

TEST(DirectoryRecords, lost_record_is_corrupt) {
  MemoryBytes scratch;
  DirectoryRecordWriter writer(scratch);
  ASSERT_TRUE(writer.put(0, {}));
  ASSERT_TRUE(writer.put(2, {}));  // 1 never came
  ASSERT_TRUE(writer.flush());
  DirectoryRecordReader reader(scratch, 3);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.next().error().code(), ErrorCode::corrupt);
}

TEST(GatheredWrites, bytes_are_replaced_in_the_buffer_in_the_sink_and_across_both) {
  constexpr std::uint64_t kStart = 100;
  const auto is = [](char letter) { return static_cast<std::byte>(letter); };
  MemoryBytes sink;
  GatheredWrites gathered(sink, kStart);
  const auto append = [&](std::size_t bytes, char letter) {
    const auto target = gathered.append(bytes);
    ASSERT_TRUE(target);
    std::ranges::fill(*target, is(letter));
  };
  append(10, 'a');
  ASSERT_TRUE(gathered.flush());
  append(10, 'b');
  ASSERT_TRUE(gathered.replace(kStart + 2, as_bytes("12")));    // gone
  ASSERT_TRUE(gathered.replace(kStart + 8, as_bytes("3456")));  // half gone
  ASSERT_TRUE(gathered.replace(kStart + 18, as_bytes("78")));   // to the last byte
  EXPECT_EQ(sink.content.size(), kStart + 10);
  ASSERT_TRUE(gathered.seek(gathered.end()));
  EXPECT_EQ(sink.content.size(), kStart + 10);
  ASSERT_TRUE(gathered.seek(kStart + 24));
  append(1, 'c');
  ASSERT_TRUE(gathered.flush());
  EXPECT_EQ(as_text(ByteSpan(sink.content).subspan(kStart)),
            std::string_view("aa12aaaa3456bbbbbb78\0\0\0\0c", 25));
}

TEST(ImageIdentity, image_is_recognised_by_its_first_block) {
  TreePlan plan;
  plan.file("a", 5000).file("b/c", 1).lay_out(kGeometry);
  const FakeIndex index = plan.index();
  MemoryBytes sink;
  MemoryBytes scratch;
  ASSERT_TRUE(write_image(index, sink, scratch, {.uid = 5}));
  const auto dataset = **index.dataset();
  const auto generation = **index.generation();
  const ByteSpan head = ByteSpan(sink.content).first(kImageHeadBytes);
  const auto superblock = check_image(head, sink.content.size(), dataset, generation);
  ASSERT_TRUE(superblock) << superblock.error().to_string();
  EXPECT_EQ(superblock->uuid, image_uuid(dataset, generation, {.uid = 5}));
  EXPECT_NE(superblock->uuid, image_uuid(dataset, generation, {.uid = 6}));
  auto later = generation;
  later.generation = {2};
  EXPECT_EQ(check_image(head, sink.content.size(), dataset, later).error().code(),
            ErrorCode::precondition);
  auto elsewhere = dataset;
  elsewhere.url = "s3://other/data/";
  EXPECT_EQ(check_image(head, sink.content.size(), elsewhere, generation).error().code(),
            ErrorCode::precondition);
  // What writer version 1 made of this index still shows it.
  auto of_version_1 = *superblock;
  store_le<std::uint64_t>(of_version_1.uuid.data(), kUuidOfVersion1);
  MemoryBytes old_image;
  ASSERT_TRUE(old_image.write(0, head));
  ASSERT_TRUE(old_image.write(format::erofs::kSuperblockOffset, encode(of_version_1)));
  EXPECT_TRUE(check_image(old_image.content, sink.content.size(), dataset, generation));
  EXPECT_FALSE(check_image(old_image.content, sink.content.size(), dataset, later));
  EXPECT_EQ(check_image(head, 128, dataset, generation).error().code(), ErrorCode::corrupt);
  EXPECT_EQ(check_image(head.first(2000), 2000, dataset, generation).error().code(),
            ErrorCode::corrupt);
}

}  // namespace
}  // namespace shoal::image
