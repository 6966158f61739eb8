// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/clock.h"

namespace shoal::fuse {

// When the next server is started after one died: at once; later and later while servers die within
// a second; every few seconds from the fifth time on; and not at all a minute after that, so that
// readers get an error rather than an endless wait. A server that lived longer starts afresh.
//
// Thread model: confined. Pure: time is handed in.
class RestartPolicy {
 public:
  // Nothing: give up. `lived`: between the server's start and `now`.
  [[nodiscard]] std::optional<Duration> delay_after_death(TimePoint now, Duration lived);
  [[nodiscard]] int quick_deaths() const { return quick_deaths_; }

 private:
  int quick_deaths_ = 0;  // in a row
  TimePoint degraded_since_{};
};

}  // namespace shoal::fuse
