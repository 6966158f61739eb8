// SPDX-License-Identifier: Apache-2.0
// Goal: quantiles are right within a percent from nanoseconds to hours, and rates keep their shape.
// Method: known sets of durations, compared with their exact quantiles.
#include "tools/bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "tools/bench/timeline.h"

namespace shoal::tools::bench {
namespace {

using std::chrono::nanoseconds;

TEST(Histogram, without_any_duration_everything_is_zero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile(0.5).count(), 0);
  EXPECT_EQ(histogram.max().count(), 0);
}

TEST(Histogram, one_duration_is_every_quantile_exactly) {
  for (const std::int64_t ns : {0L, 1L, 127L, 128L, 255L, 256L, 1'234'567L, 3'600'000'000'000L}) {
    Histogram histogram;
    histogram.record(nanoseconds(ns));
    EXPECT_EQ(histogram.quantile(0).count(), ns);
    EXPECT_EQ(histogram.quantile(0.5).count(), ns);
    EXPECT_EQ(histogram.quantile(1).count(), ns);
  }
}

TEST(Histogram, quantiles_are_within_half_a_percent_over_nine_decades) {
  Rng rng(42);
  std::vector<std::int64_t> exact;
  Histogram histogram;
  for (int i = 0; i < 50'000; ++i) {
    exact.push_back(static_cast<std::int64_t>(std::pow(10.0, 2 + 9 * rng.unit())));
    histogram.record(nanoseconds(exact.back()));
  }
  std::ranges::sort(exact);
  for (const double fraction : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(fraction * 50'000)) - 1;
    const auto want = static_cast<double>(exact[rank]);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(fraction).count()), want, want * 0.005)
        << fraction;
  }
  EXPECT_EQ(histogram.max().count(), exact.back());
}

TEST(Histogram, merging_is_recording_both) {
  Histogram a, b, both;
  for (int i = 1; i <= 1000; ++i) {
    (i % 3 == 0 ? a : b).record(nanoseconds(i * 1000));
    both.record(nanoseconds(i * 1000));
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  for (const double fraction : {0.0, 0.25, 0.5, 0.99, 1.0})
    EXPECT_EQ(a.quantile(fraction), both.quantile(fraction));
}

TEST(Histogram, absurd_durations_are_counted_at_the_ends) {
  Histogram histogram;
  histogram.record(nanoseconds(-5));
  histogram.record(std::chrono::hours(10'000));
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.quantile(0).count(), 0);
  EXPECT_EQ(histogram.max(), std::chrono::hours(10'000));
}

TEST(Histogram, cumulative_counts_rise_to_the_whole) {
  Histogram histogram;
  for (int i = 0; i < 1000; ++i) histogram.record(nanoseconds(i * i));
  nanoseconds last{-1};
  std::uint64_t total = 0;
  histogram.visit_cumulative([&](nanoseconds value, std::uint64_t seen) {
    EXPECT_GT(value, last);
    EXPECT_GT(seen, total);
    last = value;
    total = seen;
  });
  EXPECT_EQ(total, 1000u);
}

TEST(Timeline, a_long_pass_keeps_few_points_from_begin_to_end) {
  Timeline timeline;
  for (std::uint64_t i = 0; i < 100'000; ++i) timeline.add({static_cast<double>(i) * 0.02, i * 7});
  timeline.finish({2000.0, 700'000});
  const auto& points = timeline.points();
  EXPECT_LE(points.size(), 601u);
  EXPECT_GE(points.size(), 250u);
  EXPECT_EQ(points.front().files, 0u);
  EXPECT_EQ(points.back().files, 700'000u);
  for (std::size_t i = 1; i < points.size(); ++i) {
    EXPECT_GT(points[i].seconds, points[i - 1].seconds);
    // Evenly taken: no part of the pass has more than its share.
    EXPECT_LE(points[i].seconds - points[i - 1].seconds, 2000.0 / 128);
  }
}

}  // namespace
}  // namespace shoal::tools::bench
