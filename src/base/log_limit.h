// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace shoal {

// How often one kind of event is logged: so many lines in a minute, counted from the first of them.
// A bucket that refuses every GET fills no disk, and the log says how much it does not say.
// synchronized.
class LogLimit {
 public:
  static constexpr std::uint32_t kLinesMax = 10;
  static constexpr Duration kWindow = std::chrono::minutes(1);

  struct Verdict {
    bool is_written = false;
    std::uint64_t left_out = 0;  // since the last line that was written
    Duration silent_for{};       // the last line of this window: nothing more for so long
  };
  [[nodiscard]] Verdict admit(TimePoint now);

 private:
  std::mutex mutex_;  // guards all below
  bool has_window_ = false;
  TimePoint window_start_{};
  std::uint32_t lines_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace shoal
