// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace shoal::volume {

// The last few errors readers saw. synchronized; the lock is taken on the error path only.
class RecentErrors {
 public:
  void add(std::string line);
  [[nodiscard]] std::vector<std::string> newest_first() const;

 private:
  static constexpr std::size_t kKept = 32;
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;  // newest first; guarded by mutex_
};

}  // namespace shoal::volume
