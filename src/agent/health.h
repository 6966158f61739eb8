// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "control/status.h"

namespace shoal::agent {

// What the agent's looks at one server add up to: from counters to what a person should know. Pure
// but for what it remembers. serialized.
class Health {
 public:
  void note_answer(TimePoint now, const control::Status& status);
  void note_silence(const Error& error);
  // Servers that died and were started again, as the keeper counts.
  void note_restarts(TimePoint now, std::uint64_t restarts);
  // The mount is another one: what was wrong with the last has no meaning for it.
  void reset() { *this = Health(); }

  // "" when all is well; else what is wrong, the worst first, as one line.
  [[nodiscard]] std::string abnormal(TimePoint now) const;
  // The last answer.
  [[nodiscard]] const std::optional<control::Status>& status() const noexcept { return status_; }
  [[nodiscard]] bool answers() const noexcept { return looks_missed_ == 0 && status_.has_value(); }

 private:
  // A counter that grows, and when it last did.
  struct Growth {
    std::uint64_t value = 0;
    std::optional<TimePoint> grown_at;
    void note(TimePoint now, std::uint64_t next, bool first);
    [[nodiscard]] bool is_recent(TimePoint now) const;
  };

  std::optional<control::Status> status_;
  std::uint32_t looks_missed_ = 0;
  std::string silence_;
  std::optional<std::uint64_t> restarts_;
  std::deque<TimePoint> restarted_at_;  // the last few
  Growth read_errors_;
  Growth cache_write_errors_;
};

}  // namespace shoal::agent
