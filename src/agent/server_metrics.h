// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "agent/volume_spec.h"
#include "base/metrics.h"
#include "control/exposition.h"

namespace shoal::agent {

// The server of one mount.
struct MountServer {
  std::vector<std::string> volumes;  // ids that share the mount, sorted; at least one
  std::filesystem::path control_socket;
};

// What the servers of a node tell Prometheus, as one, with the agent's word on who answered.
struct ServerMetrics {
  // Their families; each sample has volume="ID", the first of those that share the mount, so that a
  // sum over volumes counts a mount once.
  control::MergedExposition merged;
  std::set<std::string> up;     // ids
  std::set<std::string> down;   // whose server hangs, lies or is gone
  std::uint64_t not_asked = 0;  // servers: the others took too long
  double seconds = 0;           // that asking took
};

// Asks all, many at a time. One that does not answer costs limits::kMetricsPatience; all together
// cost limits::kMetricsTimeMax, then the rest is not asked. Blocks for that long. synchronized.
[[nodiscard]] ServerMetrics ask_servers(const std::vector<MountServer>& servers);

// The families "shoal_volume_up" and their like, by volume, and what asking cost.
void add_volume_metrics(MetricsText& text, const std::vector<VolumeReport>& volumes,
                        const ServerMetrics& servers);

// `own` (of the agent, by MetricsText) and behind it the servers' families, as one exposition.
[[nodiscard]] std::string whole_exposition(const std::string& own, const ServerMetrics& servers);

}  // namespace shoal::agent
