// SPDX-License-Identifier: Apache-2.0
#include "agent/metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <set>
#include <thread>

#include "agent/limits.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "base/metrics.h"
#include "control/client.h"
#include "control/exposition.h"
#include "control/metrics.h"
#include "sys/process_metrics.h"

namespace shoal::agent {
namespace {

constexpr std::array kPhases{VolumePhase::indexing, VolumePhase::mounting,  VolumePhase::ready,
                             VolumePhase::failed,   VolumePhase::repairing, VolumePhase::detaching};

// The answer of each server; nothing where there was no time left to ask.
using Answers = std::vector<std::optional<Result<std::string>>>;

Answers ask_all(const std::vector<AgentFacts::Server>& servers) {
  Answers answers(servers.size());
  const TimePoint give_up_at = system_clock().now() + limits::kMetricsTimeMax;
  std::atomic<std::size_t> next{0};  // every number is taken once; the joins below order the rest
  const auto work = [&] {
    for (std::size_t i = next.fetch_add(1); i < servers.size(); i = next.fetch_add(1)) {
      if (system_clock().now() >= give_up_at) return;
      answers[i] = control::get_metrics(servers[i].control_socket, limits::kMetricsPatience);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min(servers.size(), limits::kMetricsThreads); ++i)
    threads.emplace_back(work);
  threads.clear();  // joins
  return answers;
}

struct Outcome {
  control::MergedExposition merged;
  std::set<std::string> up;
  std::set<std::string> down;
  std::uint64_t not_asked = 0;
};

Outcome collect(const std::vector<AgentFacts::Server>& servers) {
  static LogLimit unanswered;
  const Answers answers = ask_all(servers);
  Outcome outcome;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const std::vector<std::string>& volumes = servers[i].volumes;
    if (!answers[i]) {
      ++outcome.not_asked;
      continue;
    }
    Result<void> added = *answers[i] ? Result<void>() : fail(answers[i]->error());
    if (added) added = outcome.merged.add(**answers[i], "volume", volumes.front());
    (added ? outcome.up : outcome.down).insert(volumes.begin(), volumes.end());
    if (!added)
      log_event(unanswered, LogLevel::warning, "metrics.unanswered",
                {{"volume", volumes.front()}, {"error", added.error().to_string()}});
  }
  return outcome;
}

template <typename T>
void add(MetricsText& text, std::string_view name, MetricKind kind, std::string_view help,
         T value) {
  text.family(name, kind, help);
  text.sample({}, value);
}

void add_volumes(MetricsText& text, const AgentFacts& facts, const Outcome& outcome) {
  text.family("agent_volumes", MetricKind::gauge, "Volumes by what is going on with them");
  for (const VolumePhase phase : kPhases)
    text.sample({{"phase", name_of(phase)}}, static_cast<std::uint64_t>(std::ranges::count(
                                                 facts.volumes, phase, &VolumeReport::phase)));
  std::uint64_t targets = 0;
  for (const VolumeReport& volume : facts.volumes) targets += volume.targets.size();
  add(text, "agent_targets", MetricKind::gauge, "Directories at which volumes are shown", targets);
  text.family("volume_up", MetricKind::gauge,
              "1 when the volume's server answers the agent; 0 when it does not, or failed");
  for (const VolumeReport& volume : facts.volumes) {
    if (outcome.up.contains(volume.id))
      text.sample({{"volume", volume.id}}, std::uint64_t{1});
    else if (outcome.down.contains(volume.id) || volume.phase == VolumePhase::failed ||
             volume.phase == VolumePhase::repairing)
      text.sample({{"volume", volume.id}}, std::uint64_t{0});
  }
  text.family("volume_abnormal", MetricKind::gauge,
              "1 when the agent has something to say of the volume; its report says what");
  for (const VolumeReport& volume : facts.volumes)
    text.sample({{"volume", volume.id}}, std::uint64_t{volume.abnormal.empty() ? 0u : 1u});
  text.family("volume_indexing_objects", MetricKind::gauge,
              "Objects listed so far of a volume that is being indexed");
  for (const VolumeReport& volume : facts.volumes)
    if (volume.phase == VolumePhase::indexing)
      text.sample({{"volume", volume.id}}, volume.progress.objects);
}

}  // namespace

std::string agent_metrics(const AgentFacts& facts) {
  const TimePoint started = system_clock().now();
  const Outcome outcome = collect(facts.servers);
  MetricsText text;
  control::add_build_info(text, facts.version);
  add_volumes(text, facts, outcome);
  add(text, "agent_index_builds_total", MetricKind::counter, "Datasets listed into an index",
      facts.index_builds);
  add(text, "agent_index_build_failures_total", MetricKind::counter,
      "Of these, those that failed; they are tried again with the next attach",
      facts.index_build_failures);
  add(text, "agent_repairs_total", MetricKind::counter,
      "Keepers and mounts that died and were brought back", facts.repairs);
  add(text, "agent_servers_not_asked", MetricKind::gauge,
      "Servers whose metrics are missing here because the others took too long", outcome.not_asked);
  add(text, "agent_collect_duration_seconds", MetricKind::gauge,
      "What collecting the servers' metrics took",
      std::chrono::duration<double>(system_clock().now() - started).count());
  sys::add_process_metrics(text);
  control::MergedExposition all;
  // What is ours is well formed; the order puts it first.
  ignore(all.add(text.take()), "written by MetricsText");
  ignore(all.add(outcome.merged.text()), "read and written by MergedExposition");
  return all.text();
}

}  // namespace shoal::agent
