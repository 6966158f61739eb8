// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/volume_spec.h"

namespace shoal::agent {

// What the agent knows when it is asked for metrics.
struct AgentFacts {
  std::string version;
  std::vector<VolumeReport> volumes;
  struct Server {
    std::vector<std::string> volumes;  // ids that share the mount; at least one
    std::filesystem::path control_socket;
  };
  std::vector<Server> servers;  // one for each mount
  // Since the agent's start.
  std::uint64_t index_builds = 0;
  std::uint64_t index_build_failures = 0;
  std::uint64_t repairs = 0;  // keepers and mounts brought back
};

// The agent's own families, and those of all its servers, each of their samples with
// volume="ID" (the first of those that share a mount). Asks the servers, many at a time: one that
// does not answer costs limits::kMetricsPatience and is left out, with shoal_volume_up 0; all
// together cost limits::kMetricsTimeMax, then the rest is not asked, which is counted. Blocks for
// that long. synchronized.
[[nodiscard]] std::string agent_metrics(const AgentFacts& facts);

}  // namespace shoal::agent
