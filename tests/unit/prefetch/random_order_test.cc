// SPDX-License-Identifier: Apache-2.0
// Goal: a shuffled epoch is recognised as random, fills the cache chunk by chunk, and stops when
// that is of no use. Method: random readers over a dataset on paper, and over plain addresses.
#include "prefetch/random_order.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "bucket_model.h"
#include "prefetch/policy_set.h"

namespace shoal::prefetch {
namespace {

constexpr std::uint64_t kChunk = 4u << 20;

struct Recorder : Proposals {
  void propose(const Range& range) override { ranges.push_back(range); }
  std::vector<Range> ranges;
};

RandomOrderOptions options(std::uint64_t chunks) {
  return {.geometry = {}, .data_end = DataAddress{chunks * kChunk}};
}

TEST(RandomOrder, proposes_the_rest_of_the_chunk_of_a_miss_within_its_budget) {
  Recorder recorder;
  RandomOrder policy(options(1000), recorder);
  Rng rng(1);
  std::uint64_t read_bytes = 0;
  std::size_t told = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t at = rng.below(1000 * 32) * (128u << 10);
    policy.on_read({{DataAddress{at}, 100'000}, false});
    read_bytes += 100'000;
    if (i < 63) {
      EXPECT_TRUE(recorder.ranges.empty()) << i;
    }
    for (; told < recorder.ranges.size(); ++told) {
      EXPECT_EQ(recorder.ranges[told].begin.value % kChunk, 0u);
      EXPECT_EQ(recorder.ranges[told].length, kChunk);
      policy.on_used(recorder.ranges[told]);
    }
  }
  EXPECT_TRUE(policy.is_random());
  EXPECT_GT(recorder.ranges.size(), 100u);
  EXPECT_LE(policy.stats().proposed_bytes, 8 * read_bytes);
}

// 5,000 of a million files: what they cost besides is one window.
TEST(RandomOrder, a_sample_of_a_large_dataset_pays_for_one_window_of_fills) {
  Recorder recorder;
  RandomOrder policy(options(10'000), recorder);
  Rng rng(1);
  for (int i = 0; i < 5000; ++i)
    policy.on_read({{DataAddress{rng.below(10'000 * 512) * 8192}, 8192}, false});
  EXPECT_TRUE(policy.is_random());
  EXPECT_LE(recorder.ranges.size() * kChunk, limits::kPrefetchWindowMaxBytes + 5000 * 8192 / 8);
  EXPECT_GE(recorder.ranges.size() * kChunk, limits::kPrefetchWindowMaxBytes / 2);
}

TEST(RandomOrder, hits_ask_for_nothing) {
  Recorder recorder;
  RandomOrder policy(options(1000), recorder);
  Rng rng(1);
  for (int i = 0; i < 2000; ++i)
    policy.on_read({{DataAddress{rng.below(1000 * 1024) * 4096}, 4096}, true});
  EXPECT_TRUE(policy.is_random());
  EXPECT_TRUE(recorder.ranges.empty());
}

TEST(RandomOrder, reads_in_few_chunks_are_not_random) {
  Recorder recorder;
  RandomOrder policy(options(1000), recorder);
  Rng rng(1);
  for (int i = 0; i < 2000; ++i)
    policy.on_read({{DataAddress{rng.below(10 * 1024) * 4096}, 4096}, false});
  EXPECT_FALSE(policy.is_random());
  RandomOrder small(options(4), recorder);
  for (int i = 0; i < 2000; ++i)
    small.on_read({{DataAddress{rng.below(4 * 1024) * 4096}, 4096}, false});
  EXPECT_FALSE(small.is_random());
  EXPECT_TRUE(recorder.ranges.empty());
}

TEST(RandomOrder, a_pattern_ends_it) {
  Recorder recorder;
  RandomOrder policy(options(1000), recorder);
  Rng rng(1);
  const auto random_read = [&] {
    policy.on_read({{DataAddress{rng.below(1000 * 1024) * 4096}, 65536}, false});
  };
  for (int i = 0; i < 200; ++i) random_read();
  EXPECT_TRUE(policy.is_random());
  for (int i = 0; i < 400; ++i) {  // a few claimed reads are no pattern yet
    if (i % 10 == 0)
      policy.on_claimed();
    else
      random_read();
  }
  EXPECT_TRUE(policy.is_random());
  for (int i = 0; i < 24; ++i) policy.on_claimed();
  EXPECT_FALSE(policy.is_random());
  const auto proposals = recorder.ranges.size();
  for (int i = 0; i < 40; ++i) random_read();
  EXPECT_EQ(recorder.ranges.size(), proposals) << "not at once again";
}

TEST(RandomOrder, wasted_fills_turn_it_off_but_the_order_stays_random) {
  Recorder recorder;
  RandomOrder policy(options(10'000), recorder);
  Rng rng(1);
  std::size_t told = 0;
  for (int i = 0; i < 20'000; ++i) {
    policy.on_read({{DataAddress{rng.below(10'000 * 1024) * 4096}, 65536}, false});
    // The dataset is larger than the cache: what was filled is dropped.
    for (; told + 8 < recorder.ranges.size(); ++told) policy.on_wasted(recorder.ranges[told]);
  }
  EXPECT_TRUE(policy.is_random());
  EXPECT_LE(recorder.ranges.size(), 100u);
}

TEST(RandomOrder, an_epoch_whose_chunks_fit_the_cache_waits_for_few_of_its_files) {
  Layout layout = Layout::symbols(200, 100, 20'000);  // 470 MB
  BucketModel bucket(layout);
  const auto set =
      PolicySet::make({.geometry = layout.geometry(), .data_end = layout.end()}, bucket, &layout);
  bucket.use(*set);
  std::vector<std::size_t> files(layout.files().size());
  for (std::size_t i = 0; i < files.size(); ++i) files[i] = i;
  Rng rng(4);
  for (std::size_t i = files.size(); i > 1; --i) std::swap(files[i - 1], files[rng.below(i)]);
  for (const std::size_t file : files) bucket.read(layout.files()[file]);
  EXPECT_TRUE(set->is_random());
  EXPECT_EQ(bucket.requests, files.size()) << "one per file all the same";
  EXPECT_LE(bucket.demand_requests, files.size() / 3);
}

TEST(RandomOrder, a_walk_after_an_epoch_is_not_random) {
  Layout layout = Layout::symbols(200, 100, 20'000);
  BucketModel bucket(layout);
  const auto set =
      PolicySet::make({.geometry = layout.geometry(), .data_end = layout.end()}, bucket, &layout);
  bucket.use(*set);
  Rng rng(4);
  for (int i = 0; i < 500; ++i) bucket.read(layout.files()[rng.below(20'000)]);
  EXPECT_TRUE(set->is_random());
  for (std::size_t i = 0; i < 100; ++i) bucket.read(layout.files()[i]);
  EXPECT_FALSE(set->is_random());
}

}  // namespace
}  // namespace shoal::prefetch
