// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "base/clock.h"
#include "devbucket/request.h"

namespace shoal::devbucket {

// What is done to the requests of one class.
struct FaultPlan {
  std::chrono::milliseconds latency{0};
  double throttle_rate = 0;  // requests per second; 0: no bound
  double reset = 0;          // probabilities
  double truncate = 0;
  double corrupt = 0;
  double error = 0;
};
struct FaultOptions {
  std::array<FaultPlan, kRequestClasses> plans;
  double list_empty_page = 0;
  double complete_error = 0;
  std::uint64_t seed = 1;
};

enum class FaultAction {
  none,
  throttle,  // 503 before the request has any effect
  error,     // 500 before the request has any effect
  reset,     // the request has its effect, then the connection is reset without an answer
  truncate,  // half of the body, then the connection is closed
  corrupt,   // one bit of the body is wrong
};
struct FaultDecision {
  FaultAction action = FaultAction::none;
  std::chrono::milliseconds latency{0};
  bool is_empty_page = false;
  bool is_failed_complete = false;  // 200 with an error in the body, and nothing is done
  std::uint64_t place = 0;          // any number: which bit of the body is wrong
};

// Decides what happens to each request. The n-th request of a class meets the same fate in every
// run with the same seed, whatever the other classes do. synchronized.
class Faults {
 public:
  explicit Faults(const FaultOptions& options);
  [[nodiscard]] FaultDecision decide(RequestClass kind, TimePoint now);

 private:
  struct alignas(64) ClassState {
    std::atomic<std::uint64_t> requests = 0;  // relaxed: every value is handed out once
    std::mutex mutex;
    double tokens = 1;   // guarded by mutex
    TimePoint refilled;  // guarded by mutex
  };
  [[nodiscard]] bool is_over_rate(const FaultPlan& plan, ClassState& state, TimePoint now);

  const FaultOptions options_;
  std::array<ClassState, kRequestClasses> states_;
};

}  // namespace shoal::devbucket
