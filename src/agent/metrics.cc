// SPDX-License-Identifier: Apache-2.0
#include "agent/metrics.h"

#include <array>

#include "agent/server_metrics.h"
#include "base/metrics.h"
#include "control/metrics.h"
#include "sys/process_metrics.h"

namespace shoal::agent {

std::string metrics_text(const Agent& agent, const std::string& version) {
  const Mounts::Counts counts = agent.counts();
  MetricsText text;
  control::add_build_info(text, version);
  text.family("agent_mounts", MetricKind::gauge,
              "Mounts of the node by phase; volumes of equal options and keys share one");
  for (const VolumePhase phase :
       {VolumePhase::indexing, VolumePhase::mounting, VolumePhase::ready, VolumePhase::failed,
        VolumePhase::repairing, VolumePhase::detaching}) {
    const auto found = counts.by_phase.find(phase);
    text.sample({{"phase", name_of(phase)}},
                found == counts.by_phase.end() ? std::uint64_t{0} : found->second);
  }
  text.family("agent_volumes", MetricKind::gauge, "Volumes attached to the node");
  const std::vector<VolumeReport> volumes = agent.list();
  text.sample({}, std::uint64_t{volumes.size()});
  const std::array counters{
      std::tuple("agent_index_builds_total", "Listings of datasets begun", counts.builds_started),
      std::tuple("agent_index_build_failures_total", "Listings that ended with an error",
                 counts.builds_failed),
      std::tuple("agent_mounts_made_total", "Mounts made anew", counts.mounted),
      std::tuple("agent_mounts_adopted_total",
                 "Mounts taken over by a new keeper without their readers seeing it",
                 counts.adopted),
      std::tuple("agent_keeper_deaths_total", "Keepers that ended unasked", counts.keeper_deaths),
      std::tuple("agent_repair_failures_total", "Tries to bring a mount back that failed",
                 counts.repair_failures)};
  for (const auto& [name, help, value] : counters) {
    text.family(name, MetricKind::counter, help);
    text.sample({}, value);
  }
  const ServerMetrics servers = ask_servers(agent.served());
  add_volume_metrics(text, volumes, servers);
  sys::add_process_metrics(text);
  return whole_exposition(text.take(), servers);
}

}  // namespace shoal::agent
