// SPDX-License-Identifier: Apache-2.0
// Goal: the walk-order policy finds walkers, keeps far enough ahead of them, and guesses nothing
// else. Method: feeds reads to the policy and looks at the ranges it proposes; no threads, no time.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "prefetch/walk_order.h"

namespace shoal::prefetch {
namespace {

constexpr std::uint64_t kChunk = 4u << 20;
constexpr std::uint64_t kEnd = 1ull << 30;

WalkOrderOptions options() {
  return {.geometry = {4096, kChunk}, .data_end = DataAddress{kEnd}};
}

struct Recorder : Proposals {
  void propose(const Range& range) override { ranges.push_back(range); }
  std::vector<Range> ranges;
};

// A policy and what it has proposed since it was last asked.
struct Watched {
  explicit Watched(const WalkOrderOptions& walk_options) : policy(walk_options, recorder) {}
  std::vector<Range> read(const Range& range, bool hit = false) {
    policy.on_read({range, hit});
    return std::exchange(recorder.ranges, {});
  }
  Recorder recorder;
  WalkOrder policy;
};

// A walker over files of `file_bytes`, each at the next block.
struct Walker {
  std::uint64_t at = 0;
  std::vector<Range> step(Watched& policy, std::uint64_t file_bytes, bool hit = false) {
    auto proposals = policy.read({DataAddress{at}, file_bytes}, hit);
    at = (at + file_bytes + 4095) / 4096 * 4096;
    return proposals;
  }
};

void append(std::vector<Range>& all, const std::vector<Range>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

std::uint64_t total(const std::vector<Range>& ranges) {
  std::uint64_t bytes = 0;
  for (const Range& range : ranges) bytes += range.length;
  return bytes;
}

TEST(WalkOrder, proposes_what_lies_behind_the_third_file_in_order) {
  Watched policy(options());
  Walker walker;
  EXPECT_TRUE(walker.step(policy, 5000).empty());
  EXPECT_TRUE(walker.step(policy, 5000).empty());
  const auto proposals = walker.step(policy, 5000);
  ASSERT_EQ(proposals.size(), 1u);
  EXPECT_EQ(proposals[0].begin, DataAddress{walker.at});
  EXPECT_GE(proposals[0].length, limits::kPrefetchWindowMinBytes);
}

// One walker over 10 kB files whose bytes come 20 ms after they were proposed or asked for; reading
// a file that is there takes 100 us. Returns when, in ms, 256 files were ahead for the first time.
double ms_until_256_ahead(Watched& policy) {
  struct Arrival {
    std::uint64_t end;
    double ms;
  };
  std::vector<Arrival> arrivals;  // by address
  std::size_t next = 0;
  Walker walker;
  for (double now = 0; now < 10'000;) {
    while (next < arrivals.size() && arrivals[next].end <= walker.at) ++next;
    const double there = next < arrivals.size() ? arrivals[next].ms : now + 20;
    for (const Range& range : walker.step(policy, 10000, there <= now))
      arrivals.push_back({range.begin.value + range.length, now + 20});
    if (!arrivals.empty() && arrivals.back().end >= walker.at + 256 * 12288ull) return now;
    now = std::max(now, there) + 0.1;
  }
  return 10'000;
}

TEST(WalkOrder, has_256_small_objects_ahead_within_a_quarter_of_a_second) {
  Watched policy(options());
  EXPECT_LE(ms_until_256_ahead(policy), 250);
}

TEST(WalkOrder, window_stops_growing_when_the_reader_no_longer_waits) {
  Watched policy(options());
  Walker walker;
  for (int i = 0; i < 3; ++i) walker.step(policy, 4096, false);
  std::uint64_t largest = 0;
  for (int i = 0; i < 2000; ++i)
    largest = std::max(largest, total(walker.step(policy, 4096, true)));
  EXPECT_LE(largest, 4 * limits::kPrefetchWindowMinBytes);
  EXPECT_GT(largest, 0u);
}

TEST(WalkOrder, window_never_exceeds_its_maximum) {
  WalkOrderOptions limited = options();
  limited.window_bytes_max = 1u << 20;
  Watched policy(limited);
  Walker walker;
  std::uint64_t proposed_end = 0;
  for (int i = 0; i < 5000; ++i) {
    for (const Range& range : walker.step(policy, 9000, false))
      proposed_end = range.begin.value + range.length;
    if (proposed_end > walker.at) {
      ASSERT_LE(proposed_end - walker.at, (1u << 20) + 12288u);
    }
  }
  EXPECT_GT(proposed_end, 0u);
}

TEST(WalkOrder, proposals_of_a_walk_are_gapless_and_cross_chunks) {
  Watched policy(options());
  Walker walker;
  std::uint64_t expected = 0;
  while (walker.at < 4 * kChunk) {
    for (const Range& range : walker.step(policy, 7000)) {
      if (expected != 0) {
        ASSERT_EQ(range.begin.value, expected);
      }
      expected = range.begin.value + range.length;
    }
  }
  EXPECT_GT(expected, 4 * kChunk);
}

TEST(WalkOrder, follows_objects_that_leave_the_rest_of_each_chunk_empty) {
  Watched policy(options());
  std::vector<Range> proposals;
  for (std::uint64_t chunk = 0; chunk < 6; ++chunk)
    append(proposals, policy.read({DataAddress{chunk * kChunk}, 3u << 20}));
  EXPECT_FALSE(proposals.empty());
}

TEST(WalkOrder, stops_at_the_end_of_the_data) {
  WalkOrderOptions small = options();
  small.data_end = DataAddress{40 * 4096};
  Watched policy(small);
  Walker walker;
  std::uint64_t end = 0;
  for (int i = 0; i < 40; ++i)
    for (const Range& range : walker.step(policy, 4096)) end = range.begin.value + range.length;
  EXPECT_EQ(end, 40u * 4096);
}

TEST(WalkOrder, random_and_backward_reads_propose_nothing) {
  WalkOrderOptions large = options();
  large.data_end = DataAddress{1ull << 40};
  Watched random(large);
  Rng rng(5);
  std::vector<Range> proposals;
  for (int i = 0; i < 20000; ++i)
    append(proposals, random.read({DataAddress{rng.below(1ull << 28) * 4096}, 16384}));
  EXPECT_TRUE(proposals.empty());

  Watched backward(large);
  for (std::uint64_t i = 20000; i > 0; --i)
    append(proposals, backward.read({DataAddress{i * 8192}, 8192}));
  EXPECT_TRUE(proposals.empty());
}

TEST(WalkOrder, keeps_24_interleaved_walkers_apart) {
  Watched policy(options());
  std::vector<Walker> walkers(24);
  std::vector<std::uint64_t> proposed(24);
  for (std::size_t i = 0; i < walkers.size(); ++i) walkers[i].at = i * (kEnd / 32);
  Rng rng(9);
  for (int i = 0; i < 24 * 200; ++i) {
    const std::size_t number = rng.below(walkers.size());
    for (const Range& range : walkers[number].step(policy, 6000)) {
      EXPECT_EQ(range.begin.value / (kEnd / 32), number);
      proposed[number] += range.length;
    }
  }
  for (const std::uint64_t bytes : proposed) EXPECT_GT(bytes, 0u);
}

TEST(WalkOrder, walkers_one_slice_of_files_apart_are_all_followed) {
  // xargs -P8 -n256: neighbours begin where the one before will end.
  Watched policy(options());
  std::vector<Walker> walkers(8);
  std::vector<std::uint64_t> proposed(8);
  for (std::size_t i = 0; i < walkers.size(); ++i) walkers[i].at = i * 256 * 8192;
  for (int i = 0; i < 100; ++i)
    for (std::size_t number = 0; number < walkers.size(); ++number)
      proposed[number] += total(walkers[number].step(policy, 8000));
  for (const std::uint64_t bytes : proposed) EXPECT_GT(bytes, 100u * 8192);
}

TEST(WalkOrder, pieces_of_one_readahead_in_any_order_are_one_stream) {
  Watched policy(options());
  std::vector<Range> proposals;
  constexpr std::uint64_t kPiece = 128u << 10;
  for (std::uint64_t group = 0; group < 8; ++group)
    for (const std::uint64_t piece : {1, 0, 3, 2})
      append(proposals, policy.read({DataAddress{(group * 4 + piece) * kPiece}, kPiece}));
  EXPECT_FALSE(proposals.empty());
}

TEST(WalkOrder, one_block_of_every_tenth_is_no_walk) {
  Watched policy(options());
  std::vector<Range> proposals;
  for (std::uint64_t i = 0; i < 1000; ++i)
    append(proposals, policy.read({DataAddress{i * 40960}, 4096}));
  EXPECT_TRUE(proposals.empty());
}

TEST(WalkOrder, a_walker_that_leaves_out_most_files_from_now_on_is_given_up) {
  Watched policy(options());
  Walker walker;
  for (int i = 0; i < 200; ++i) walker.step(policy, 8000);
  std::vector<Range> proposals;
  for (int i = 0; i < 400; ++i) {
    walker.at += 100'000;
    auto more = walker.step(policy, 4096);
    if (i >= 100) append(proposals, more);
  }
  EXPECT_TRUE(proposals.empty());
}

TEST(WalkOrder, all_windows_together_stay_below_the_total) {
  WalkOrderOptions limited = options();
  limited.window_bytes_max = 8u << 20;
  limited.total_bytes_max = 16u << 20;
  Watched policy(limited);
  std::vector<Walker> walkers(16);
  for (std::size_t i = 0; i < walkers.size(); ++i) walkers[i].at = i * (kEnd / 16);
  std::uint64_t most = 0;
  for (int i = 0; i < 2000; ++i)
    for (Walker& walker : walkers) {
      walker.step(policy, 9000);
      most = std::max(most, policy.policy.outstanding_bytes());
    }
  EXPECT_LE(most, 16u << 20);
  EXPECT_GT(most, 8u << 20);
}

TEST(WalkOrder, nothing_is_proposed_for_two_walkers_twice) {
  Watched policy(options());
  // The second walker begins where the first will come to.
  Walker first;
  Walker second{2u << 20};
  std::vector<Range> all;
  for (int i = 0; i < 500; ++i) {
    append(all, first.step(policy, 8000, i > 40));
    append(all, second.step(policy, 8000, i > 40));
  }
  std::sort(all.begin(), all.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_GE(all[i].begin.value, all[i - 1].end());
}

TEST(WalkOrder, of_more_walkers_than_slots_some_are_followed_all_along) {
  WalkOrderOptions large = options();
  large.data_end = DataAddress{1ull << 40};
  Watched policy(large);
  std::vector<Walker> walkers(300);
  std::vector<std::uint64_t> proposed(300);
  for (std::size_t i = 0; i < walkers.size(); ++i) walkers[i].at = i << 30;
  for (int i = 0; i < 300; ++i)
    for (std::size_t number = 0; number < walkers.size(); ++number)
      proposed[number] += total(walkers[number].step(policy, 8000));
  const auto helped = std::count_if(proposed.begin(), proposed.end(),
                                    [](std::uint64_t bytes) { return bytes > 100u * 8192; });
  EXPECT_GE(helped, 32);
}

TEST(WalkOrder, waste_turns_it_down_and_use_brings_it_back) {
  Watched policy(options());
  for (int i = 0; i < 40; ++i) policy.policy.on_wasted({DataAddress{0}, 2u << 20});
  EXPECT_EQ(policy.policy.window_bytes_ceiling(), limits::kPrefetchWindowMinBytes);
  EXPECT_EQ(policy.policy.stats().wasted_bytes, 80u << 20);
  Walker turned_down;
  std::vector<Range> proposals;
  for (int i = 0; i < 10; ++i)
    for (const Range& range : turned_down.step(policy, 4096)) proposals.push_back(range);
  EXPECT_TRUE(proposals.empty()) << "ten reads in order are no longer enough evidence";

  for (int i = 0; i < 4000; ++i) policy.policy.on_used({DataAddress{0}, 1u << 20});
  EXPECT_EQ(policy.policy.window_bytes_ceiling(), limits::kPrefetchWindowMaxBytes);
  Walker believed{kEnd / 2};
  for (int i = 0; i < 3; ++i)
    for (const Range& range : believed.step(policy, 4096)) proposals.push_back(range);
  EXPECT_FALSE(proposals.empty());
}

TEST(WalkOrder, readers_that_stop_early_turn_it_down_without_waiting_for_the_drop) {
  Watched policy(options());
  // Whole files of 1 MiB in random order: each looks like a walker for eight reads.
  Rng rng(3);
  std::vector<Range> early;
  std::vector<Range> late;
  for (int file = 0; file < 400; ++file) {
    const std::uint64_t base = rng.below(kEnd >> 20) << 20;
    for (std::uint64_t i = 0; i < 8; ++i)
      append(file < 200 ? early : late,
             policy.read({DataAddress{base + i * (128u << 10)}, 128u << 10}));
  }
  EXPECT_LT(total(late), total(early) / 2);
}

}  // namespace
}  // namespace shoal::prefetch
