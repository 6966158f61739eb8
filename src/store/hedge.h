// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/executor.h"
#include "store/counters.h"
#include "store/object_store.h"

namespace shoal::store {

class Governor;

struct HedgePolicy {
  double quantile = 0.99;  // of the time to the first byte, by size; later than that is late
  // Nothing is late before this: a busy client alone can look away for 10 ms, and a service that
  // answers this fast is not waiting for anything a second try would avoid.
  Duration floor = std::chrono::milliseconds(20);
  double share_max = 0.03;  // of all GETs; more would make an overload worse
  double burst_max = 8;     // late together, as when one machine behind the service's name fails
  std::uint64_t samples_min = 100;  // of a size, before its quantile is believed
  // Of two tries that both deliver, a longer object's slower one is given up at once.
  std::uint64_t race_bytes_max = 1 << 20;
  double failures_max = 0.05;  // share of recent GETs; a service in trouble gets no second tries
};

// A second try on another connection for a GET that is late: no byte, or no more bytes, for longer
// than nearly all recent GETs of its size took to begin. Both tries carry the same If-Match, so
// their bytes are the same; the sink gets each byte once, in order, from whichever try is ahead;
// the first complete one wins and the other is cancelled. The second asks only for what is missing.
// A GET without If-Match is never hedged, and none is while the governor slows the volume down.
// Deadlines hold for both tries together. Everything else is passed on. confined to `executor`.
// `governor` and `counters` may be null.
[[nodiscard]] std::unique_ptr<ObjectStore> make_hedge_store(std::unique_ptr<ObjectStore> inner,
                                                            LoopExecutor& executor,
                                                            Governor* governor,
                                                            StoreCounters* counters,
                                                            const HedgePolicy& policy = {});

}  // namespace shoal::store
