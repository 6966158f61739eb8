// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "tools/write/put_plan.h"
#include "tools/write/sending.h"

namespace shoal::tools::write {

struct PutRunOptions {
  PutOptions put{};
  bool resume = true;  // leave out what an interrupted run has sent
};

// Hands the files of a plan to the uploader, in batches, and waits for them. False: a signal came
// first. Failures are shown and counted.
[[nodiscard]] bool run_put(const PutPlan& plan, const PutRunOptions& options,
                           const Sending::Parts& parts, Sending& sending, SendTotals& totals);

}  // namespace shoal::tools::write
