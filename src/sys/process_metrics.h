// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/metrics.h"

namespace shoal::sys {

// The "process_..." families every Prometheus client has: processor time, memory, open descriptors
// and their bound, start. Of this process, from /proc; what cannot be read is left out.
void add_process_metrics(MetricsText& text);

}  // namespace shoal::sys
