// SPDX-License-Identifier: Apache-2.0
// Goal: a bench reads the files it says, in the order it says, the same ones on every target.
// Method: small trees offered to the selection, as a walk and as a listing by key would.
#include "tools/bench/file_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace shoal::tools::bench {
namespace {

using Paths = std::vector<std::string>;

Paths select(const FileSelection::Options& options, const Paths& offered) {
  FileSelection selection(options);
  for (const std::string& path : offered)
    if (!selection.offer({path, 0, 0})) break;
  Paths chosen;
  for (const BenchFile& file : selection.finish()) chosen.push_back(file.path);
  return chosen;
}

Paths symbols_and_days(int symbols, int days) {
  Paths paths;
  for (int symbol = 0; symbol < symbols; ++symbol)
    for (int day = 0; day < days; ++day)
      paths.push_back("S" + std::to_string(10 + symbol) + "/" + std::to_string(100 + day));
  return paths;
}

TEST(WalkOrder, a_directory_comes_before_names_it_is_a_prefix_of) {
  EXPECT_TRUE(walks_before("a/z", "a.txt"));
  EXPECT_TRUE(walks_before("a", "a/b"));
  EXPECT_TRUE(walks_before("a/b", "b"));
  EXPECT_TRUE(walks_before("a", "a\x80"));
  EXPECT_TRUE(walks_before("a\x7f", "a\x80"));
  EXPECT_FALSE(walks_before("a", "a"));
}

TEST(FileSelection, walk_puts_a_listing_by_key_into_the_order_of_a_walk) {
  const Paths by_key{"a.txt", "a/1", "a/2", "b"};
  EXPECT_EQ(select({Order::walk, 1, 100}, by_key), (Paths{"a/1", "a/2", "a.txt", "b"}));
}

TEST(FileSelection, walk_takes_the_first_and_then_says_that_it_has_enough) {
  FileSelection selection({Order::walk, 1, 2});
  EXPECT_TRUE(selection.offer({"a", 0, 0}));
  EXPECT_FALSE(selection.offer({"b", 0, 0}));
  EXPECT_EQ(selection.finish().size(), 2u);
}

TEST(FileSelection, stride_goes_over_all_directories_before_the_next_day) {
  EXPECT_EQ(select({Order::stride, 1, 100}, symbols_and_days(3, 2)),
            (Paths{"S10/100", "S11/100", "S12/100", "S10/101", "S11/101", "S12/101"}));
}

TEST(FileSelection, stride_with_a_limit_keeps_the_first_days_of_all_directories) {
  EXPECT_EQ(select({Order::stride, 1, 4}, symbols_and_days(3, 50)),
            (Paths{"S10/100", "S11/100", "S12/100", "S10/101"}));
}

TEST(FileSelection, stride_counts_a_directory_on_after_its_subdirectory) {
  const Paths walk{"d/a", "d/b/x", "d/b/y", "d/c"};
  EXPECT_EQ(select({Order::stride, 1, 100}, walk), (Paths{"d/a", "d/b/x", "d/b/y", "d/c"}));
  DirectoryOrdinals ordinals;
  EXPECT_EQ(ordinals.next("d/a"), 0u);
  EXPECT_EQ(ordinals.next("d/b/x"), 0u);
  EXPECT_EQ(ordinals.next("d/b/y"), 1u);
  EXPECT_EQ(ordinals.next("d/c"), 1u);
  EXPECT_EQ(ordinals.next("e"), 0u);
}

TEST(FileSelection, shuffle_is_a_permutation_that_its_seed_repeats) {
  const Paths all = symbols_and_days(20, 20);
  const Paths once = select({Order::shuffle, 7, 1000}, all);
  EXPECT_EQ(once, select({Order::shuffle, 7, 1000}, all));
  EXPECT_NE(once, select({Order::shuffle, 8, 1000}, all));
  EXPECT_NE(once, all);
  EXPECT_EQ(std::set<std::string>(once.begin(), once.end()).size(), all.size());
}

TEST(FileSelection, a_sample_does_not_depend_on_the_order_of_the_listing) {
  const Paths all = symbols_and_days(20, 20);
  const Paths reversed(all.rbegin(), all.rend());
  const Paths sample = select({Order::shuffle, 7, 50}, all);
  EXPECT_EQ(sample.size(), 50u);
  EXPECT_EQ(sample, select({Order::shuffle, 7, 50}, reversed));
  // The sample is the beginning of the whole shuffle.
  const Paths whole = select({Order::shuffle, 7, 1000}, all);
  EXPECT_TRUE(std::equal(sample.begin(), sample.end(), whole.begin()));
}

TEST(FileSelection, a_sample_is_spread_over_all_files) {
  const Paths all = symbols_and_days(80, 100);
  std::size_t from_first_half = 0;
  for (const std::string& path : select({Order::shuffle, 3, 1000}, all))
    if (path < "S50") ++from_first_half;
  // 1000 draws of even chance: further off than 6 standard deviations would be a broken shuffle.
  EXPECT_NEAR(static_cast<double>(from_first_half), 500, 95);
}

}  // namespace
}  // namespace shoal::tools::bench
