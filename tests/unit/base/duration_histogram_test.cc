// SPDX-License-Identifier: Apache-2.0
// Goal: a duration is counted in the class whose bound it does not exceed. Method: the bounds, and
// a nanosecond beside them.
#include "base/duration_histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace shoal {
namespace {

using namespace std::chrono_literals;

TEST(DurationHistogram, a_bound_belongs_to_its_class) {
  for (std::size_t i = 0; i < kDurationBounds.size(); ++i) {
    DurationHistogram histogram;
    const auto bound = std::chrono::nanoseconds(std::llround(kDurationBounds[i] * 1e9));
    histogram.add(bound);
    histogram.add(bound + 1ns);
    const DurationCounts counts = histogram.counts();
    EXPECT_EQ(counts.counts[i], 1u) << kDurationBounds[i];
    EXPECT_EQ(counts.counts[i + 1], 1u) << kDurationBounds[i];
  }
}

TEST(DurationHistogram, sums_and_adds_up) {
  DurationHistogram histogram;
  for (const Duration each : {Duration(-1s), Duration(0s), Duration(1500ms), Duration(2h)})
    histogram.add(each);
  DurationCounts both = histogram.counts();
  EXPECT_DOUBLE_EQ(both.seconds, 7201.5);
  EXPECT_EQ(both.counts.front(), 2u) << "a clock that went back counts as no time";
  EXPECT_EQ(both.counts.back(), 1u);
  both += histogram.counts();
  EXPECT_EQ(std::accumulate(both.counts.begin(), both.counts.end(), std::uint64_t{0}), 8u);
  EXPECT_DOUBLE_EQ(both.seconds, 14403);
}

}  // namespace
}  // namespace shoal
