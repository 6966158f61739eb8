// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "base/executor.h"
#include "store/object_store.h"

namespace shoal::store {

// How a bad network behaves. Each share is a probability per call, drawn from a seeded generator,
// so a failing test can be run again.
struct FaultPlan {
  std::uint64_t seed = 1;
  double error = 0;     // fails with unavailable before anything happens (Retry::yes)
  double throttle = 0;  // fails with throttled (Retry::yes)
  double partial = 0;   // a GET delivers a part of its bytes, then fails (Retry::yes)
  double corrupt = 0;   // a GET delivers one wrong bit and succeeds
  double lost = 0;      // a writing call takes effect, then fails (Retry::unknown_effect)
  double delay = 0;     // the call starts late
  Duration delay_max{};
};

struct FaultCounts {
  std::uint64_t calls = 0, errors = 0, throttles = 0, partials = 0, corruptions = 0, lost = 0,
                delays = 0;
};

// For tests. confined to `executor`. `counts` may be null; it outlives the store.
[[nodiscard]] std::unique_ptr<ObjectStore> make_fault_store(std::unique_ptr<ObjectStore> inner,
                                                            LoopExecutor& executor,
                                                            const FaultPlan& plan,
                                                            FaultCounts* counts = nullptr);

}  // namespace shoal::store
