// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace shoal {

// Time since an arbitrary start, never going back; for deadlines and rates.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
// Calendar time; for signatures and for people.
using WallTime = std::chrono::system_clock::time_point;

// The only source of time. synchronized: any thread may call.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;
  [[nodiscard]] virtual WallTime wall_now() const = 0;
};

// The machine's clock; lives for ever.
[[nodiscard]] const Clock& system_clock();

}  // namespace shoal
