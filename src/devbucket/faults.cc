// SPDX-License-Identifier: Apache-2.0
#include "devbucket/faults.h"

#include <algorithm>

#include "base/rng.h"

namespace shoal::devbucket {

Faults::Faults(const FaultOptions& options) : options_(options) {}

FaultDecision Faults::decide(RequestClass kind, TimePoint now) {
  const auto index = static_cast<std::size_t>(kind);
  const FaultPlan& plan = options_.plans[index];
  ClassState& state = states_[index];
  FaultDecision decision;
  decision.latency = plan.latency;
  if (plan.throttle_rate > 0 && is_over_rate(plan, state, now)) {
    decision.action = FaultAction::throttle;
    return decision;
  }
  const std::uint64_t number = state.requests.fetch_add(1, std::memory_order_relaxed);
  Rng rng(Rng(options_.seed + (index << 56)).next() + number);
  double dice = rng.unit();
  const auto falls_in = [&dice](double probability) {
    dice -= probability;
    return dice < 0;
  };
  if (falls_in(plan.reset))
    decision.action = FaultAction::reset;
  else if (falls_in(plan.truncate))
    decision.action = FaultAction::truncate;
  else if (falls_in(plan.corrupt))
    decision.action = FaultAction::corrupt;
  else if (falls_in(plan.error))
    decision.action = FaultAction::error;
  decision.is_empty_page = kind == RequestClass::list && rng.unit() < options_.list_empty_page;
  decision.is_failed_complete = kind == RequestClass::other && rng.unit() < options_.complete_error;
  decision.place = rng.next();
  return decision;
}

bool Faults::is_over_rate(const FaultPlan& plan, ClassState& state, TimePoint now) {
  // At most a tenth of a second's worth at once, so that a burst after a pause is throttled too.
  const double burst = std::max(1.0, plan.throttle_rate / 10);
  const std::lock_guard lock(state.mutex);
  const double seconds = std::chrono::duration<double>(now - state.refilled).count();
  state.refilled = now;
  state.tokens = std::min(burst, state.tokens + std::max(0.0, seconds) * plan.throttle_rate);
  if (state.tokens < 1) return true;
  state.tokens -= 1;
  return false;
}

}  // namespace shoal::devbucket
