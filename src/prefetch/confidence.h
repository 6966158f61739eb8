// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "prefetch/policy.h"

// How far a policy trusts itself, learned from what became of its proposals.
//
//   level 0 (trusted) ... kLevelMax (smallest windows, most evidence) --> silent for some reads
//                                                            ^-- comes back below the top -----'
//
// Each level halves windows and doubles the evidence a reader must show. Waste of half of what was
// used goes one level up; four times more use than waste goes one down. Silence doubles each time
// it is needed again.

namespace shoal::prefetch {

// confined.
class Confidence {
 public:
  // 64 MiB >> 9 = 128 KiB: at the highest level the largest window is the smallest one.
  static constexpr std::uint32_t kLevelMax = 9;

  void on_read() {
    if (silent_reads_ > 0 && --silent_reads_ == 0) level_ = kLevelMax - 1;
  }
  void on_used(std::uint64_t bytes);
  void on_wasted(std::uint64_t bytes);

  [[nodiscard]] std::uint32_t level() const { return level_; }
  [[nodiscard]] bool is_silent() const { return silent_reads_ > 0; }
  [[nodiscard]] std::uint64_t ceiling(std::uint64_t min, std::uint64_t max) const {
    return std::max(std::min(min, max), max >> level_);
  }
  [[nodiscard]] std::uint32_t evidence(std::uint32_t min, std::uint32_t max) const {
    return std::min(max, min << level_);
  }
  [[nodiscard]] std::string_view state() const {
    return is_silent() ? "silent" : level_ > 0 ? "turned down" : "on";
  }

 private:
  void reset_period();

  std::uint32_t level_ = 0;
  std::uint32_t silences_ = 0;
  std::uint64_t silent_reads_ = 0;
  std::uint64_t used_lately_ = 0;
  std::uint64_t wasted_lately_ = 0;
};

}  // namespace shoal::prefetch
