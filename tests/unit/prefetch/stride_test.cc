// SPDX-License-Identifier: Apache-2.0
// Goal: cross-sections are recognised from names and kept ahead of, row after row, at the cost of
// one request per file read. Method: readers over a dataset on paper, a bucket that answers in 20
// ms.
#include "prefetch/stride.h"

#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"
#include "bucket_model.h"
#include "prefetch/policy_set.h"

namespace shoal::prefetch {
namespace {

struct World {
  explicit World(Layout dataset) : layout(std::move(dataset)), bucket(layout) {
    set =
        PolicySet::make({.geometry = layout.geometry(), .data_end = layout.end()}, bucket, &layout);
    bucket.use(*set);
  }
  // SYMBOL/DATE in the given order of symbols.
  void read_row(std::size_t date, const std::vector<std::size_t>& symbols) {
    for (const std::size_t symbol : symbols) bucket.read(Layout::symbol_path(symbol, date));
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

std::vector<std::size_t> range(std::size_t begin, std::size_t end, std::size_t step = 1) {
  std::vector<std::size_t> numbers;
  for (std::size_t i = begin; i < end; i += step) numbers.push_back(i);
  return numbers;
}

constexpr std::uint64_t kFile = 20'000;
// Files ahead of one reader: 200 per latency, as many again because half a window is the time to
// go on, and once more because it doubles.
constexpr std::uint64_t kWindowFiles = 1024;

TEST(Stride, candidates_need_three_names_in_one_component) {
  StrideCandidates candidates;
  EXPECT_FALSE(candidates.add("A/2026/01.csv", 3));
  EXPECT_FALSE(candidates.add("B/2026/01.csv", 3));
  EXPECT_FALSE(candidates.add("B/2026/01.csv", 3)) << "the same file again is no evidence";
  EXPECT_FALSE(candidates.add("C/2025/01.csv", 3)) << "two components differ";
  const auto found = candidates.add("D/2026/01.csv", 3);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->parent, "");
  EXPECT_EQ(found->suffix, "2026/01.csv");
  EXPECT_EQ(found->names, (std::vector<std::string>{"A", "B", "D"}));
}

TEST(Stride, candidates_in_the_last_component_are_a_walk_not_a_stride) {
  StrideCandidates candidates;
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(candidates.add("A/" + std::to_string(i), 3));
}

TEST(Stride, paths_are_split_below_their_parent_only) {
  EXPECT_FALSE(split_below("a/b", "a"));
  EXPECT_FALSE(split_below("ab/c/d", "a"));
  EXPECT_FALSE(split_below("file", ""));
  const auto path = split_below("a/b/c/d", "a");
  ASSERT_TRUE(path);
  EXPECT_EQ(path->name, "b");
  EXPECT_EQ(path->suffix, "c/d");
  EXPECT_EQ(path->with_name("x"), "a/x/c/d");
}

TEST(Stride, after_three_symbols_the_rest_of_the_row_is_proposed_in_name_order) {
  World world(Layout::symbols(200, 50, kFile));
  world.read_row(7, range(0, 200));
  EXPECT_EQ(world.bucket.waits > 3, true);
  // All but the first few files were asked for by the stride, in order, before their reader came.
  EXPECT_LE(world.bucket.demand_requests, 4u);
  std::vector<std::uint64_t> expected;
  for (std::size_t s = 4; s < 200; ++s)
    expected.push_back(world.layout.file(Layout::symbol_path(s, 7)).begin.value);
  std::vector<std::uint64_t> proposed;
  for (const Range& one : world.bucket.proposals) {
    const CatalogFile& file = world.layout.files()[world.layout.index_at(one.begin.value)];
    if (file.path.ends_with("00007.csv")) proposed.push_back(one.begin.value);
  }
  proposed.erase(proposed.begin(), std::find(proposed.begin(), proposed.end(), expected.front()));
  EXPECT_EQ(proposed, expected);
}

TEST(Stride, the_next_row_is_there_before_its_reader_is) {
  World world(Layout::symbols(200, 50, kFile));
  world.read_row(7, range(0, 200));
  const auto demand = world.bucket.demand_requests;
  const auto waits = world.bucket.waits;
  EXPECT_TRUE(world.bucket.is_fetched(world.layout.file(Layout::symbol_path(0, 8))));
  for (std::size_t date = 8; date < 20; ++date) world.read_row(date, range(0, 200));
  EXPECT_EQ(world.bucket.demand_requests, demand);
  EXPECT_LE(world.bucket.waits - waits, 30u) << "twelve rows";
  // Beyond what was read: one window of the row after.
  EXPECT_LE(world.bucket.unread_bytes(), world.bucket.max_outstanding_bytes);
  EXPECT_EQ(world.bucket.requests, 13u * 200 + world.bucket.unread_parts());
}

// The kernel that knows two rows reads on behind each file of the third.
TEST(Stride, what_reads_take_behind_their_files_is_asked_for_with_those_ahead) {
  World world(Layout::symbols(200, 50, kFile));
  for (std::size_t date = 7; date < 9; ++date) world.read_row(date, range(0, 200));
  const auto waits = world.bucket.waits;
  const auto requests = world.bucket.requests + world.bucket.unread_parts();
  for (std::size_t symbol = 0; symbol < 200; ++symbol) {
    const DataAddress begin = world.layout.file(Layout::symbol_path(symbol, 9)).begin;
    const CatalogFile& last = world.layout.file(Layout::symbol_path(symbol, 11));
    world.bucket.read_range({begin, last.begin.value + last.length - begin.value});
    world.bucket.now_ms += 0.3;
  }
  EXPECT_LE(world.bucket.waits - waits, 12u) << "of 200";
  EXPECT_LE(world.bucket.requests, requests + 600 + kWindowFiles);
}

TEST(Stride, a_reader_that_takes_no_more_behind_its_files_is_asked_for_no_more) {
  World world(Layout::symbols(200, 50, kFile));
  world.read_row(0, range(0, 200));
  const CatalogFile& file = world.layout.file(Layout::symbol_path(0, 1));
  world.bucket.read_range({file.begin, 3 * file.length});  // once
  for (std::size_t date = 1; date < 4; ++date) world.read_row(date, range(0, 200));
  world.bucket.proposals.clear();
  for (std::size_t date = 4; date < 14; ++date) world.read_row(date, range(0, 200));
  ASSERT_FALSE(world.bucket.proposals.empty());
  for (const Range& one : world.bucket.proposals)
    EXPECT_LE(one.length, round_up(kFile, world.layout.geometry().block_bytes));
}

// Long tails while the window is small must not cost as much per file once it is large.
TEST(Stride, what_is_asked_for_behind_files_stays_a_share_of_the_window) {
  World world(Layout::symbols(400, 300, kFile));
  for (std::size_t symbol = 0; symbol < 300; ++symbol) {
    world.bucket.read_range({world.layout.file(Layout::symbol_path(symbol, 0)).begin, 4u << 20});
    world.bucket.now_ms += 0.1;
  }
  const std::vector<Range>& proposals = world.bucket.proposals;
  ASSERT_GT(proposals.size(), 100u);
  std::uint64_t last = 0;  // of as many files as a large window holds
  for (std::size_t i = proposals.size() - 100; i < proposals.size(); ++i)
    last += proposals[i].length;
  EXPECT_LE(last, limits::kPrefetchWindowMaxBytes);
}

TEST(Stride, a_subset_in_its_own_order_is_learned_in_the_first_row_and_replayed) {
  World world(Layout::symbols(300, 40, kFile));
  std::vector<std::size_t> universe = range(0, 300, 3);
  Rng rng(7);
  for (std::size_t i = universe.size(); i > 1; --i)
    std::swap(universe[i - 1], universe[rng.below(i)]);
  world.read_row(5, universe);
  const auto first_row = world.bucket.demand_requests;
  EXPECT_GE(first_row, 95u);
  EXPECT_EQ(world.stats_of("stride").proposed_bytes, 0u) << "nothing is known of the order yet";
  world.read_row(6, universe);
  EXPECT_LE(world.bucket.demand_requests, first_row + 2);
  for (std::size_t date = 7; date < 15; ++date) world.read_row(date, universe);
  EXPECT_LE(world.bucket.demand_requests, first_row + 2);
  EXPECT_LE(world.bucket.unread_parts(), kWindowFiles);
}

TEST(Stride, a_reader_that_takes_every_fifth_date_is_followed) {
  World world(Layout::symbols(120, 60, kFile));
  for (std::size_t date = 0; date < 15; date += 5) world.read_row(date, range(0, 120));
  const auto demand = world.bucket.demand_requests;
  const auto requests = world.bucket.requests;
  for (std::size_t date = 15; date < 55; date += 5) world.read_row(date, range(0, 120));
  EXPECT_EQ(world.bucket.demand_requests, demand);
  EXPECT_LE(world.bucket.requests - requests, 8u * 120 + kWindowFiles);
}

TEST(Stride, hive_paths_differ_in_an_inner_component) {
  Layout layout;
  for (std::size_t s = 0; s < 100; ++s)
    for (int year = 2024; year < 2027; ++year)
      for (int month = 1; month <= 12; ++month)
        layout.add("S" + Layout::digits(s) + "/year=" + std::to_string(year) + "/month=" +
                       Layout::digits(static_cast<std::size_t>(month)) + "/data.parquet",
                   kFile);
  layout.lay_out();
  World world(std::move(layout));
  for (int year = 2024; year < 2026; ++year)
    for (std::size_t month = 1; month <= 12; ++month)
      for (std::size_t s = 0; s < 100; ++s)
        world.bucket.read("S" + Layout::digits(s) + "/year=" + std::to_string(year) +
                          "/month=" + Layout::digits(month) + "/data.parquet");
  EXPECT_LE(world.bucket.demand_requests, 8u);
  EXPECT_LE(world.bucket.requests, 2400u + kWindowFiles);
}

TEST(Stride, processes_that_read_a_date_each_are_followed_together) {
  World world(Layout::symbols(150, 80, kFile));
  constexpr std::size_t kProcesses = 8;
  for (std::size_t turn = 0; turn < 5; ++turn)
    for (std::size_t symbol = 0; symbol < 150; ++symbol)
      for (std::size_t process = 0; process < kProcesses; ++process)
        world.bucket.read(Layout::symbol_path(symbol, turn * kProcesses + process));
  const std::uint64_t reads = 5 * 150 * kProcesses;
  EXPECT_LE(world.bucket.demand_requests, reads / 20);
  EXPECT_LE(world.bucket.requests, reads + reads / 8);
}

TEST(Stride, symbols_that_have_no_file_of_the_date_are_left_out) {
  Layout layout;
  for (std::size_t s = 0; s < 200; ++s)
    for (std::size_t d = 0; d < 30; ++d)
      if (s % 10 != 5 || d < 10) layout.add(Layout::symbol_path(s, d), kFile);
  layout.lay_out();
  World world(std::move(layout));
  for (std::size_t d = 8; d < 14; ++d)
    for (std::size_t s = 0; s < 200; ++s)
      if (s % 10 != 5 || d < 10) world.bucket.read(Layout::symbol_path(s, d));
  EXPECT_LE(world.bucket.demand_requests, 6u);
}

TEST(Stride, small_directories_are_not_mistaken_for_a_walk) {
  // Ten files of one block per directory: the same file of each lies 40 KiB further.
  World world(Layout::symbols(400, 10, 3000));
  world.read_row(3, range(0, 400));
  EXPECT_LE(world.bucket.demand_requests, 12u);
  EXPECT_LE(world.bucket.requests, 400u + kWindowFiles) << "not everything in between";
}

TEST(Stride, a_random_order_of_many_equal_names_starts_next_to_nothing) {
  World world(Layout::symbols(200, 100, kFile));
  Rng rng(3);
  std::set<std::size_t> read;
  for (int i = 0; i < 4000; ++i)
    read.insert(world.layout.index(Layout::symbol_path(rng.below(200), rng.below(100))));
  std::vector<std::size_t> files(read.begin(), read.end());
  for (std::size_t i = files.size(); i > 1; --i) std::swap(files[i - 1], files[rng.below(i)]);
  for (const std::size_t file : files) world.bucket.read(world.layout.files()[file]);
  EXPECT_LE(world.stats_of("stride").proposed_bytes, files.size() * kFile / 50);
}

TEST(Stride, a_catalog_that_answers_late_never_or_nonsense_costs_nothing_but_the_prefetch) {
  for (const auto answers :
       {Layout::Answers::never, Layout::Answers::empty, Layout::Answers::repeating}) {
    World world(Layout::symbols(100, 20, kFile));
    world.layout.answers = answers;
    for (std::size_t date = 0; date < 5; ++date) world.read_row(date, range(0, 100));
    EXPECT_LE(world.layout.questions, 2000u) << static_cast<int>(answers);
    EXPECT_LE(world.layout.waiting(), 32u);
    world.set.reset();
    world.layout.run();  // answers that come when nobody is left to hear them
  }
}

TEST(Stride, waste_makes_it_silent) {
  World world(Layout::symbols(200, 50, kFile));
  world.read_row(0, range(0, 50));
  const auto before = world.stats_of("stride").proposed_bytes;
  EXPECT_GT(before, 0u);
  for (int i = 0; i < 40; ++i) world.bucket.drop_unread();
  for (std::size_t date = 1; date < 30; ++date) {
    world.read_row(date, range(0, 20));
    world.bucket.drop_unread();
  }
  std::string_view state;
  world.set->visit_stats([&](const PolicySet::Report& report) {
    if (report.name == "stride") state = report.state;
  });
  EXPECT_NE(state, "on");
  EXPECT_LE(world.stats_of("stride").wasted_bytes, 64u << 20);
}

}  // namespace
}  // namespace shoal::prefetch
