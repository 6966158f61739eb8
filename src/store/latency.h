// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace shoal::store {

// Quantiles of recent times: a histogram whose buckets grow by a quarter power of two (an answer is
// at most 19 % too high) and whose counts are halved now and then, so that a sample counts for less
// the older it is. confined.
class LatencyHistogram {
 public:
  void add(Duration latency);
  // The time that `share` of the samples did not exceed; nothing before `samples_min` have come.
  [[nodiscard]] std::optional<Duration> quantile(double share, std::uint64_t samples_min) const;

 private:
  static constexpr std::size_t kBuckets = 128;  // 1 us to 2^32 us, more than an hour
  static constexpr double kWeightMax = 2048;    // then all counts are halved
  std::array<float, kBuckets> counts_{};
  double weight_ = 0;
  std::uint64_t samples_ = 0;
};

}  // namespace shoal::store
