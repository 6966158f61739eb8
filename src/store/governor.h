// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace shoal::store {

// One budget of requests and bytes per second for all stores of a volume, and the place where an
// answer of "slow down" is remembered: it slows every request of the volume, not only the one that
// was refused. A refusal halves the rate; it then doubles every second, but slowly around the rate
// that was refused, and is forgotten at twice that: a short refusal costs a few seconds, a lasting
// one ends in small steps around what the service takes. synchronized.
class Governor {
 public:
  struct Limits {
    double requests_per_second = 0;  // 0: no limit of ours
    double bytes_per_second = 0;
  };
  explicit Governor(Limits limits);

  // How long the caller must wait before it may send a request for `bytes`; zero: now, and it is
  // counted as sent.
  [[nodiscard]] Duration admit(TimePoint now, std::uint64_t bytes);
  // The service refused with "slow down", asking for `after` (zero when it did not say).
  void on_throttled(TimePoint now, Duration after);
  void on_success(TimePoint now);
  // The service has refused lately, and its rate is being found out.
  [[nodiscard]] bool is_slowed() const;

  struct Stats {
    std::uint64_t throttled = 0;     // refusals seen
    double requests_per_second = 0;  // the rate in force; 0: none
  };
  [[nodiscard]] Stats stats() const;

 private:
  [[nodiscard]] double rate_in_force_locked() const;
  void refill_locked(TimePoint now);
  void count_locked(TimePoint now);

  mutable std::mutex mutex_;
  Limits limits_;
  double rate_ = 0;          // learned; 0: not throttled, or long ago
  double refused_rate_ = 0;  // what was being sent at the last cut
  TimePoint grown_at_{};
  double recent_rate_ = 0;  // requests admitted per second in the last full window
  std::uint64_t window_count_ = 0;
  TimePoint window_start_{};
  double request_tokens_ = 0;
  double byte_tokens_ = 0;  // may be negative: one request may be larger than the burst
  TimePoint refilled_{};
  TimePoint pause_until_{};
  TimePoint throttled_at_{};
  std::uint64_t throttled_ = 0;
};

}  // namespace shoal::store
