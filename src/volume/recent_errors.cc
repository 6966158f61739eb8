// SPDX-License-Identifier: Apache-2.0
#include "volume/recent_errors.h"

#include <utility>

namespace shoal::volume {

void RecentErrors::add(std::string line) {
  const std::lock_guard lock(mutex_);
  lines_.push_front(std::move(line));
  if (lines_.size() > kKept) lines_.pop_back();
}

std::vector<std::string> RecentErrors::newest_first() const {
  const std::lock_guard lock(mutex_);
  return {lines_.begin(), lines_.end()};
}

}  // namespace shoal::volume
