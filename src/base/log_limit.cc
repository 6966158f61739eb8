// SPDX-License-Identifier: Apache-2.0
#include "base/log_limit.h"

#include <utility>

namespace shoal {

LogLimit::Verdict LogLimit::admit(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!has_window_ || now - window_start_ >= kWindow) {
    has_window_ = true;
    window_start_ = now;
    lines_ = 0;
  }
  if (lines_ >= kLinesMax) {
    ++left_out_;
    return {};
  }
  ++lines_;
  return {.is_written = true,
          .left_out = std::exchange(left_out_, 0),
          .silent_for = lines_ == kLinesMax ? window_start_ + kWindow - now : Duration::zero()};
}

}  // namespace shoal
