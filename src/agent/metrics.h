// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/agent.h"

namespace shoal::agent {

// All that Prometheus is told of a node, in its text format: what the agent counts, and what its
// servers tell. Asks the servers: blocks as ask_servers() does.
[[nodiscard]] std::string metrics_text(const Agent& agent, const std::string& version);

}  // namespace shoal::agent
