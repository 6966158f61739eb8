// SPDX-License-Identifier: Apache-2.0
// Goal: the image shows exactly the tree of the index, whatever the names, sizes and block size.
// Method: write from a fake index into memory, read back with the decoders, compare with the
// entries.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <set>

#include "base/rng.h"
#include "image/identity.h"
#include "unit/image/fake_index.h"
#include "unit/image/memory_image.h"

namespace shoal::image {
namespace {

constexpr WriteOptions kOptions{.uid = 1000, .gid = 100, .file_mode = 0440, .directory_mode = 0750};

struct Written {
  WriteResult result;
  std::vector<std::byte> image;  // metadata region
  std::uint64_t scratch_bytes = 0;
};

Result<Written> write(const index::Index& index, const WriteOptions& options = kOptions) {
  MemoryBytes sink;
  MemoryBytes scratch;
  SHOAL_TRY(const WriteResult result, write_image(index, sink, scratch, options));
  EXPECT_LE(sink.content.size(), result.metadata_bytes);
  sink.content.resize(result.metadata_bytes);
  return Written{result, std::move(sink.content), scratch.content.size()};
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// What the image must hold, by the plain definition.
struct Expected {
  std::map<std::string, format::ObjectRecord> files;
  std::map<std::string, std::int64_t> directories;  // path -> mtime
};
Expected expected_of(const TreePlan& plan) {
  Expected expected;
  for (const index::Entry& entry : plan.entries()) {
    const bool marker = entry.record.kind == format::ObjectRecord::Kind::directory;
    if (!marker) expected.files[entry.path] = entry.record;
    std::string directory = marker ? entry.path : parent_of(entry.path);
    for (;; directory = parent_of(directory)) {
      const auto [at, fresh] = expected.directories.try_emplace(directory, entry.record.mtime);
      if (!fresh) at->second = std::max(at->second, entry.record.mtime);
      if (directory.empty()) break;
    }
  }
  expected.directories.try_emplace("", 0);
  return expected;
}

void expect_image_shows(const TreePlan& plan, const Written& written) {
  ImageReader reader(written.image);
  const auto read = reader.read();
  ASSERT_TRUE(read) << read.error().to_string();
  const Expected expected = expected_of(plan);
  EXPECT_EQ(read->size(), expected.files.size() + expected.directories.size());
  EXPECT_EQ(written.result.inodes, read->size());
  EXPECT_EQ(reader.superblock.inodes, read->size());
  std::set<std::uint64_t> nids;
  for (const auto& [path, node] : *read) EXPECT_TRUE(nids.insert(node.nid).second) << path;
  for (const auto& [path, record] : expected.files) {
    const auto node = read->find(path);
    ASSERT_NE(node, read->end()) << path;
    const format::erofs::Inode& inode = node->second.inode;
    EXPECT_EQ(inode.type, format::erofs::FileType::regular) << path;
    EXPECT_EQ(inode.size, record.size) << path;
    EXPECT_EQ(inode.mtime, record.mtime) << path;
    EXPECT_EQ(inode.permissions, kOptions.file_mode);
    EXPECT_EQ(inode.uid, kOptions.uid);
    EXPECT_EQ(inode.gid, kOptions.gid);
    EXPECT_EQ(inode.links, 1u);
    if (record.size > 0) {
      EXPECT_EQ(inode.start_block * reader.superblock.block_bytes,
                format::kDataRegionStart + record.address.value)
          << path;
    }
  }
  for (const auto& [path, mtime] : expected.directories) {
    const auto node = read->find(path);
    ASSERT_NE(node, read->end()) << path;
    EXPECT_EQ(node->second.inode.type, format::erofs::FileType::directory) << path;
    EXPECT_EQ(node->second.inode.mtime, mtime) << path;
    EXPECT_EQ(node->second.inode.permissions, kOptions.directory_mode);
  }
}

class WriterTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  format::Geometry geometry() const { return {.block_bytes = GetParam(), .chunk_bytes = 1u << 20}; }
  void expect_round_trip(TreePlan plan) {
    plan.lay_out(geometry());
    const auto written = write(plan.index());
    ASSERT_TRUE(written) << written.error().to_string();
    expect_image_shows(plan, *written);
  }
};
INSTANTIATE_TEST_SUITE_P(BlockSizes, WriterTest, testing::Values(512u, 1024u, 4096u));

TEST_P(WriterTest, empty_index_is_an_empty_root) {
  expect_round_trip(TreePlan());
}

TEST_P(WriterTest, files_of_all_sizes_and_nested_directories) {
  TreePlan plan;
  for (const std::uint64_t size : {0ull, 1ull, 511ull, 512ull, 513ull, 4095ull, 4096ull, 4097ull,
                                   1048576ull, 1048577ull, 5368709121ull})
    plan.file("sizes/" + std::to_string(size), size, static_cast<std::int64_t>(size));
  plan.file("top", 3)
      .file("a/b/c/d/e/f", 7, 1'700'000'000)
      .file("a/b0/c", 1, 5)
      .file("old", 1, -86400);
  expect_round_trip(plan);
}

TEST_P(WriterTest, names_below_dot_and_above_ascii_keep_their_order) {
  TreePlan plan;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    const std::string letter(1, static_cast<char>(byte));
    if (letter != ".") plan.file(letter, 1);
    plan.file("." + letter + "x", 2).file(letter + "!dir/" + letter + "!", 3);
  }
  plan.file("..!", 1).file(".-", 1).file("...", 1).file("-", 0);
  // A one-byte name and its prefix directory "x!dir" live side by side.
  TreePlan unique;
  std::set<std::string> seen;
  for (const index::Entry& entry : plan.entries())
    if (seen.insert(entry.path).second) unique.file(entry.path, entry.record.size);
  expect_round_trip(unique);
}

TEST_P(WriterTest, longest_names_fill_blocks) {
  TreePlan plan;
  for (int i = 0; i < 40; ++i) {
    const std::string name = std::string(252, 'n') + std::to_string(100 + i);
    plan.file(name, 1).file("d" + std::string(251, 'm') + std::to_string(100 + i) + "/" + name, 2);
  }
  expect_round_trip(plan);
}

TEST_P(WriterTest, block_filled_to_its_last_byte_and_one_more) {
  // "." and ".." take 27 bytes; the names take the rest, or one byte too many.
  for (const std::uint32_t spill : {0u, 1u}) {
    TreePlan plan;
    std::uint32_t left = GetParam() - 27 + spill;
    for (char letter = 'a'; left > 0; ++letter) {
      const std::uint32_t entry_bytes = left > 240 ? std::min(left - 120, 200u) : left;
      plan.file(std::string(entry_bytes - 12, letter), 1);
      left -= entry_bytes;
    }
    plan.lay_out(geometry());
    const auto written = write(plan.index());
    ASSERT_TRUE(written) << written.error().to_string();
    expect_image_shows(plan, *written);
    ImageReader reader(written->image);
    const auto tree = reader.read();
    ASSERT_TRUE(tree);
    const std::uint64_t bytes = tree->at("").inode.size;
    if (spill == 0) {
      EXPECT_EQ(bytes, GetParam());
    } else {
      EXPECT_GT(bytes, GetParam());
    }
  }
}

TEST_P(WriterTest, markers_make_empty_directories_and_give_their_time) {
  TreePlan plan;
  plan.marker("", 1'500'000'000).marker("empty", 1'400'000'000).marker("a/b", 1'700'000'000);
  plan.file("a/b/c", 1, 1'600'000'000).marker("a/b/deep/empty").file("a!", 1);
  expect_round_trip(plan);
}

TEST_P(WriterTest, deepest_tree_the_keys_allow) {
  std::string path = "d";
  for (int i = 0; i < 510; ++i) path += "/d";
  TreePlan plan;
  expect_round_trip(plan.file(path + "/f", 1).file("e", 1));
}

TEST_P(WriterTest, random_trees) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    TreePlan plan;
    std::set<std::string> files;
    std::set<std::string> directories;
    const std::uint64_t count = rng.below(800);
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string path;
      for (std::uint64_t level = rng.below(4) + 1; level > 0; --level) {
        std::string name;
        for (std::uint64_t n = rng.below(rng.below(8) == 0 ? 255 : 6) + 1; n > 0; --n) {
          const char letter = static_cast<char>(rng.below(rng.below(2) == 0 ? 4 : 255) + 1);
          name.push_back(letter == '/' ? '_' : letter);
        }
        if (name == "." || name == "..") name = "dot";
        path += (path.empty() ? "" : "/") + name;
      }
      bool clash = directories.contains(path) || !files.insert(path).second;
      for (std::string up = parent_of(path); !up.empty() && !clash; up = parent_of(up))
        clash = files.contains(up);
      if (clash) continue;
      for (std::string up = parent_of(path); !up.empty(); up = parent_of(up))
        directories.insert(up);
      plan.file(path, rng.below(3) == 0 ? 0 : rng.below(20'000),
                static_cast<std::int64_t>(rng.below(2'000'000'000)));
    }
    expect_round_trip(plan);
  }
}

TEST_P(WriterTest, inode_order_is_walk_order_with_the_root_first) {
  TreePlan plan;
  plan.file("b/1", 1).file("b/2", 1).file("a", 1).file("c", 1).lay_out(geometry());
  const auto written = write(plan.index());
  ASSERT_TRUE(written);
  ImageReader reader(written->image);
  const auto tree = reader.read();
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->at("").nid, 2u);
  std::uint64_t nid = 0;
  for (const char* path : {"", "a", "b", "b/1", "b/2", "c"}) {
    EXPECT_GT(tree->at(path).nid, nid) << path;
    nid = tree->at(path).nid;
  }
}

TEST_P(WriterTest, directory_ends_behind_its_inode_up_to_half_a_block) {
  const std::uint32_t half = GetParam() / 2;
  for (const std::uint32_t blocks : {0u, 1u, 3u}) {
    for (const std::uint32_t tail : {27u, 100u, half - 1, half, half + 1, GetParam()}) {
      if (blocks == 0 && tail == 27) continue;  // that is the empty root
      TreePlan plan;
      // Names of one block, "." and ".." in the first, then those of the tail.
      std::uint64_t left = std::uint64_t{blocks} * GetParam() + tail - 27;
      std::uint64_t in_block = GetParam() - 27;
      for (int i = 0; left > 0; ++i) {
        const std::uint64_t space = std::min(left, in_block);
        const std::uint64_t entry_bytes =
            space > 240 ? std::min<std::uint64_t>(space - 120, 200) : space;
        plan.file(fmt::format("n{:03}", i) + std::string(entry_bytes - 12 - 4, 'x'), 1);
        left -= entry_bytes;
        in_block = in_block == entry_bytes ? GetParam() : in_block - entry_bytes;
      }
      SCOPED_TRACE(fmt::format("{} blocks and {} bytes", blocks, tail));
      plan.lay_out(geometry());
      const auto written = write(plan.index());
      ASSERT_TRUE(written) << written.error().to_string();
      expect_image_shows(plan, *written);
      ImageReader reader(written->image);
      const auto tree = reader.read();
      ASSERT_TRUE(tree);
      const auto& inode = tree->at("").inode;
      EXPECT_EQ(inode.size, std::uint64_t{blocks} * GetParam() + tail);
      EXPECT_EQ(inode.has_inline_tail, tail <= half);
    }
  }
}

TEST_P(WriterTest, directory_of_one_file_costs_192_bytes) {
  constexpr std::uint64_t kDirectories = 20'000;
  TreePlan plan;
  for (std::uint64_t i = 0; i < kDirectories; ++i) plan.file(fmt::format("d{:05}/data", i), 1);
  plan.lay_out(geometry());
  const auto written = write(plan.index());
  ASSERT_TRUE(written) << written.error().to_string();
  expect_image_shows(plan, *written);
  const std::uint64_t root_bytes = kDirectories * (12 + 6) + kDirectories / 8 * 12;
  // Two inodes and a tail of 64 bytes, and now and then a gap before the end of a block.
  const std::uint64_t gaps = kDirectories * 192 / GetParam() * 64;
  EXPECT_LE(written->result.metadata_bytes,
            8192 + 4096 + root_bytes + root_bytes / 32 + kDirectories * 192 + gaps);
}

TEST_P(WriterTest, tail_of_a_directory_whose_inode_is_long_written_out) {
  TreePlan plan;
  for (int i = 0; i < 3; ++i) {
    plan.file(fmt::format("{}/a", i), 1).file(fmt::format("{}/z", i), 1);
    for (int j = 0; j < 9000; ++j) plan.file(fmt::format("{}/deep/down/{:04}", i, j), 1);
  }
  expect_round_trip(plan);
}

TEST_P(WriterTest, same_index_and_options_give_the_same_bytes) {
  TreePlan plan;
  plan.file("x/y", 100).file("z", 5000).lay_out(geometry());
  const auto first = write(plan.index());
  const auto second = write(plan.index());
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(first->image == second->image);
  WriteOptions other = kOptions;
  other.uid = 7;
  const auto third = write(plan.index(), other);
  ASSERT_TRUE(third);
  EXPECT_FALSE(first->image == third->image);
}

// Stored bytes outlive the program: a change here needs kWriterVersion in identity.cc raised.
TEST_P(WriterTest, small_image_has_the_bytes_it_always_had) {
  TreePlan plan;
  plan.file("2024/AAPL.csv", 5000, 1'700'000'000).file("2024/MSFT.csv", 0, 1'700'000'001);
  plan.file("2024-notes", 17, 1'600'000'000).marker("empty", 1'500'000'000).lay_out(geometry());
  const auto written = write(plan.index());
  ASSERT_TRUE(written) << written.error().to_string();
  const std::map<std::uint32_t, std::uint32_t> golden{
      {512, 3666143234}, {1024, 339843830}, {4096, 3181641743}};
  EXPECT_EQ(format::erofs::crc32c_update(0xFFFFFFFFu, written->image), golden.at(GetParam()));
  EXPECT_EQ(written->result.metadata_bytes, 8192u);
}

TEST_P(WriterTest, more_than_32_bits_of_blocks_need_the_48_bit_feature) {
  for (const bool wide : {false, true}) {
    // The last object ends exactly at, or one block behind, the last block number of 32 bits.
    const std::uint64_t blocks = 0xFFFF'FFFEull + (wide ? 1 : 0);
    const std::uint64_t start = (blocks - 1) * GetParam() - format::kDataRegionStart;
    TreePlan plan;
    plan.file("far/away", 17).lay_out(geometry(), {start});
    const auto written = write(plan.index());
    ASSERT_TRUE(written) << written.error().to_string();
    expect_image_shows(plan, *written);
    constexpr std::size_t incompatible = 1024 + 80;
    EXPECT_EQ(load_le<std::uint32_t>(written->image.data() + incompatible), wide ? 0x80u : 0u);
    EXPECT_EQ(written->result.image_bytes, blocks * GetParam());
  }
}

}  // namespace
}  // namespace shoal::image
