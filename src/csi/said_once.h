// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "csi/limits.h"

namespace shoal::csi {

// Writes warnings about volumes to the log, each once: kubelet repeats its calls. synchronized.
class SaidOnce {
 public:
  void say(const std::string& request_id, const std::string& volume,
           const std::vector<std::string>& warnings) {
    for (const std::string& warning : warnings)
      if (is_new(volume + '\n' + warning))
        log_event(LogLevel::warning, "csi.volume",
                  {{"request_id", request_id}, {"volume", volume}, {"warning", warning}});
  }

 private:
  bool is_new(const std::string& text) {
    const std::lock_guard lock(mutex_);
    // Forgetting all of them costs a line too much, now and then.
    if (said_.size() >= limits::kWarningsKept) said_.clear();
    return said_.insert(text).second;
  }

  std::mutex mutex_;
  std::set<std::string> said_;  // guarded by mutex_
};

}  // namespace shoal::csi
