// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/metrics.h"
#include "control/status.h"
#include "shoal/activity.h"

// What a server tells Prometheus. Names, units and labels are an interface: dashboards and alert
// rules in deploy/monitoring use them, and a test compares both.

namespace shoal::control {

// All families of one server and its process. No label has a value that a user chooses.
[[nodiscard]] std::string server_metrics(const Status& status);

// shoal_build_info{version}
void add_build_info(MetricsText& text, std::string_view version);
// The families "shoal_objstore_..." of requests by kind, code and time.
void add_store_activity(MetricsText& text, const StoreActivity& activity);

}  // namespace shoal::control
