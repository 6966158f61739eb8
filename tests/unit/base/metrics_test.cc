// SPDX-License-Identifier: Apache-2.0
// Goal: what is exposed is what the Prometheus text format 0.0.4 says, also with hostile labels.
// Method: whole texts compared.
#include "base/metrics.h"

#include <gtest/gtest.h>

#include <array>

namespace shoal {
namespace {

TEST(MetricsText, counters_and_gauges_have_help_type_and_labels) {
  MetricsText text({{"volume", "v1"}});
  text.family("reads_total", MetricKind::counter, "Reads");
  text.sample({}, std::uint64_t{18446744073709551615u});
  text.sample({{"op", "get"}}, 2.5);
  EXPECT_EQ(text.take(),
            "# HELP shoal_reads_total Reads\n# TYPE shoal_reads_total counter\n"
            "shoal_reads_total{volume=\"v1\"} 18446744073709551615\n"
            "shoal_reads_total{volume=\"v1\",op=\"get\"} 2.5\n");
}

TEST(MetricsText, hostile_label_values_and_help_are_escaped) {
  MetricsText text;
  text.foreign_family("up", MetricKind::gauge, "a\\b\nc \"d\"");
  text.sample({{"name", "x\"y\\z\n"}}, std::uint64_t{1});
  EXPECT_EQ(text.take(),
            "# HELP up a\\\\b\\nc \"d\"\n# TYPE up gauge\nup{name=\"x\\\"y\\\\z\\n\"} 1\n");
}

TEST(MetricsText, histograms_are_cumulative_and_end_in_infinity) {
  MetricsText text;
  text.family("wait_seconds", MetricKind::histogram, "Waits");
  const std::array bounds{0.01, 1.0};
  const std::array<std::uint64_t, 3> counts{4, 0, 2};
  text.histogram({{"op", "get"}}, bounds, counts, 7.25);
  EXPECT_EQ(text.take(),
            "# HELP shoal_wait_seconds Waits\n# TYPE shoal_wait_seconds histogram\n"
            "shoal_wait_seconds_bucket{op=\"get\",le=\"0.01\"} 4\n"
            "shoal_wait_seconds_bucket{op=\"get\",le=\"1\"} 4\n"
            "shoal_wait_seconds_bucket{op=\"get\",le=\"+Inf\"} 6\n"
            "shoal_wait_seconds_sum{op=\"get\"} 7.25\n"
            "shoal_wait_seconds_count{op=\"get\"} 6\n");
}

}  // namespace
}  // namespace shoal
