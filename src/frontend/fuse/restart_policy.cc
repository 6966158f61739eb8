// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/restart_policy.h"

#include "frontend/fuse/bounds.h"

namespace shoal::fuse {

std::optional<Duration> RestartPolicy::delay_after_death(TimePoint now, Duration lived) {
  if (lived >= bounds::kQuickDeath) {
    quick_deaths_ = 0;
    return Duration::zero();
  }
  ++quick_deaths_;
  if (quick_deaths_ == 1) return Duration::zero();
  if (quick_deaths_ < bounds::kQuickDeathsMax)
    return bounds::kRestartDelayMin * (1 << (quick_deaths_ - 2));
  if (quick_deaths_ == bounds::kQuickDeathsMax) degraded_since_ = now;
  if (now - degraded_since_ >= bounds::kGiveUpAfter) return std::nullopt;
  return bounds::kRestartDelayDegraded;
}

}  // namespace shoal::fuse
