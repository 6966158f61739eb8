// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "index/build.h"

namespace shoal::index {

// Paces on_progress and keeps its fraction from going back. confined to the building thread.
class Progress {
 public:
  explicit Progress(const BuildOptions& options)
      : options_(options), started_(options.clock->now()), told_(started_) {}

  BuildProgress& state() { return state_; }
  [[nodiscard]] bool is_stopped() const {
    return options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
  }
  void enter(BuildProgress::Phase phase) {
    state_.phase = phase;
    state_.fraction = phase == BuildProgress::Phase::done ? 1 : 0;
    tell();
  }
  void estimate(double fraction) {
    // An estimate may be wrong; being finished may not.
    state_.fraction = std::clamp(fraction, state_.fraction, std::max(state_.fraction, 0.99));
  }
  void tell_if_due() {
    if (options_.clock->now() - told_ >= kEvery) tell();
  }
  [[nodiscard]] std::chrono::duration<double> elapsed() const {
    return options_.clock->now() - started_;
  }

  static constexpr auto kEvery = std::chrono::milliseconds(200);

 private:
  void tell() {
    told_ = options_.clock->now();
    state_.elapsed = elapsed();
    if (options_.on_progress) options_.on_progress(state_);
  }

  const BuildOptions& options_;
  const TimePoint started_;
  TimePoint told_;
  BuildProgress state_;
};

}  // namespace shoal::index
