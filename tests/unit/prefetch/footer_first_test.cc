// SPDX-License-Identifier: Apache-2.0
// Goal: readers that begin at the end of a file get the whole small file, or the columns of a large
// one, and no walk is seen in them. Method: readers of tables over a dataset on paper.
#include "prefetch/footer_first.h"

#include <gtest/gtest.h>

#include "bucket_model.h"
#include "prefetch/policy_set.h"

namespace shoal::prefetch {
namespace {

Layout tables(std::size_t count, std::uint64_t bytes) {
  Layout layout;
  // Sizes are not round: the footer is no aligned block.
  for (std::size_t i = 0; i < count; ++i)
    layout.add("table/part-" + Layout::digits(i * 37 % count) + ".parquet", bytes + i * 1000);
  layout.lay_out();
  return layout;
}

struct World {
  explicit World(Layout dataset) : layout(std::move(dataset)), bucket(layout) {
    set =
        PolicySet::make({.geometry = layout.geometry(), .data_end = layout.end()}, bucket, &layout);
    bucket.use(*set);
  }
  // The last bytes of a file, as the block a kernel reads.
  void read_footer(const CatalogFile& file) {
    const std::uint64_t end = round_up(file.begin.value + file.length, 4096);
    bucket.read_range({DataAddress{end - 8192}, 8192});
  }
  void read_at(const CatalogFile& file, std::uint64_t offset, std::uint64_t bytes) {
    for (std::uint64_t at = 0; at < bytes; at += 128u << 10)
      bucket.read_range({DataAddress{file.begin.value + offset + at}, 128u << 10});
  }
  PolicyStats stats_of(std::string_view name) const {
    PolicyStats stats;
    set->visit_stats([&](const PolicySet::Report& report) {
      if (report.name == name) stats = report.stats;
    });
    return stats;
  }
  Layout layout;
  BucketModel bucket;
  std::unique_ptr<PolicySet> set;
};

TEST(FooterFirst, the_second_small_file_begun_at_its_end_is_asked_for_whole) {
  World world(tables(40, 300'000));
  const auto& files = world.layout.files();
  world.read_footer(files[30]);
  EXPECT_TRUE(world.bucket.proposals.empty()) << "once is no evidence";
  world.read_footer(files[4]);
  ASSERT_EQ(world.bucket.proposals.size(), 1u);
  EXPECT_EQ(world.bucket.proposals[0].begin, files[4].begin);
  EXPECT_EQ(world.bucket.proposals[0].length, round_up(files[4].length, 4096));
  world.read_at(files[4], 0, 128u << 10);
  EXPECT_GT(world.bucket.claimed, 0u);
  EXPECT_EQ(world.bucket.requests, 2u);
}

TEST(FooterFirst, of_a_large_file_columns_are_read_ahead_not_the_file) {
  World world(tables(20, 64u << 20));
  const auto& files = world.layout.files();
  for (const std::size_t i : {7u, 2u}) world.read_footer(files[i]);
  const CatalogFile& file = files[2];
  const auto before = world.bucket.requests;
  // Two columns of 6 MiB, far apart.
  world.read_at(file, 8u << 20, 6u << 20);
  world.read_at(file, 40u << 20, 6u << 20);
  EXPECT_LE(world.bucket.requests - before, 6u) << "two chunks each, and at most one behind";
  EXPECT_LE(world.stats_of("footer").proposed_bytes, 24u << 20);
  EXPECT_EQ(world.stats_of("walk").proposed_bytes, 0u);
}

TEST(FooterFirst, a_walk_over_the_same_files_is_left_alone) {
  World world(tables(40, 300'000));
  for (const CatalogFile& file : world.layout.files()) world.bucket.read(file);
  EXPECT_EQ(world.stats_of("footer").proposed_bytes, 0u);
}

TEST(FooterFirst, files_of_one_block_have_no_footer) {
  Layout layout;
  for (std::size_t i = 0; i < 100; ++i) layout.add("d/" + Layout::digits(i), 4096);
  layout.lay_out();
  World world(std::move(layout));
  for (std::size_t i = 0; i < 100; ++i) world.bucket.read(world.layout.files()[i * 61 % 100]);
  EXPECT_EQ(world.stats_of("footer").proposed_bytes, 0u);
}

TEST(FooterFirst, readers_that_want_nothing_but_footers_turn_it_down) {
  World world(tables(400, 8u << 20));
  std::uint64_t early = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    const CatalogFile& file = world.layout.files()[i * 61 % 400];
    world.read_footer(file);
    world.read_at(file, 1u << 20, 128u << 10);
    world.bucket.drop_unread();
    if (i == 200) early = world.stats_of("footer").proposed_bytes;
  }
  EXPECT_GT(early, 0u);
  EXPECT_LT(world.stats_of("footer").proposed_bytes - early, early);
}

}  // namespace
}  // namespace shoal::prefetch
