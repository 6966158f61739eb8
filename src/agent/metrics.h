// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/agent.h"

namespace shoal::agent {

// What the agent itself counts, in Prometheus text format.
[[nodiscard]] std::string metrics_text(const Agent& agent, const std::string& version);

}  // namespace shoal::agent
