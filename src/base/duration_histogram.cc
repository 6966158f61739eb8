// SPDX-License-Identifier: Apache-2.0
#include "base/duration_histogram.h"

#include <algorithm>
#include <chrono>

namespace shoal {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

constexpr auto kBoundsNs = [] {
  std::array<std::int64_t, kDurationBounds.size()> bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i)
    bounds[i] = static_cast<std::int64_t>(kDurationBounds[i] * 1e9 + 0.5);
  return bounds;
}();

}  // namespace

void DurationHistogram::add(Duration duration) noexcept {
  const std::int64_t ns = std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
  const auto bound = std::lower_bound(kBoundsNs.begin(), kBoundsNs.end(), ns);
  counts_[static_cast<std::size_t>(bound - kBoundsNs.begin())].fetch_add(1, kRelaxed);
  nanoseconds_.fetch_add(static_cast<std::uint64_t>(ns), kRelaxed);
}

DurationCounts DurationHistogram::counts() const {
  DurationCounts result;
  for (std::size_t i = 0; i < counts_.size(); ++i) result.counts[i] = counts_[i].load(kRelaxed);
  result.seconds = static_cast<double>(nanoseconds_.load(kRelaxed)) / 1e9;
  return result;
}

}  // namespace shoal
