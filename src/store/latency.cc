// SPDX-License-Identifier: Apache-2.0
#include "store/latency.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace shoal::store {

void LatencyHistogram::add(Duration latency) {
  const double microseconds =
      std::max(1.0, std::chrono::duration<double, std::micro>(latency).count());
  const auto bucket = static_cast<std::size_t>(std::ceil(4 * std::log2(microseconds)));
  counts_[std::min(bucket, kBuckets - 1)] += 1;
  ++samples_;
  weight_ += 1;
  if (weight_ < kWeightMax) return;
  for (float& count : counts_) count /= 2;
  weight_ /= 2;
}

std::optional<Duration> LatencyHistogram::quantile(double share, std::uint64_t samples_min) const {
  if (samples_ < std::max<std::uint64_t>(samples_min, 1)) return std::nullopt;
  double above = weight_ * (1 - share);
  std::size_t bucket = kBuckets - 1;
  for (; bucket > 0; --bucket) {
    above -= counts_[bucket];
    if (above < 0) break;
  }
  const double microseconds = std::exp2(static_cast<double>(bucket) / 4);
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::micro>(microseconds));
}

}  // namespace shoal::store
