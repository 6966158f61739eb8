// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "shoal/activity.h"

namespace shoal {

// Counts durations by class, for metrics. Two relaxed additions each: nothing is ordered by them.
// synchronized.
class DurationHistogram {
 public:
  void add(Duration duration) noexcept;
  [[nodiscard]] DurationCounts counts() const;

 private:
  std::array<std::atomic<std::uint64_t>, kDurationBounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> nanoseconds_{0};
};

}  // namespace shoal
