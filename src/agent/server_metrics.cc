// SPDX-License-Identifier: Apache-2.0
#include "agent/server_metrics.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "agent/limits.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "control/client.h"

namespace shoal::agent {
namespace {

// The answer of each server; nothing where there was no time left to ask.
using Answers = std::vector<std::optional<Result<std::string>>>;

Answers answers_of(const std::vector<MountServer>& servers) {
  Answers answers(servers.size());
  const TimePoint give_up_at = system_clock().now() + limits::kMetricsTimeMax;
  std::atomic<std::size_t> next{0};  // each number is taken once; the joins below order the rest
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

Result<void> take(control::MergedExposition& merged, const Result<std::string>& answer,
                  const std::string& volume) {
  if (!answer) return fail(answer.error());
  return merged.add(*answer, "volume", volume);
}

}  // namespace

ServerMetrics ask_servers(const std::vector<MountServer>& servers) {
  static LogLimit unanswered;
  const TimePoint started = system_clock().now();
  const Answers answers = answers_of(servers);
  ServerMetrics metrics;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const std::vector<std::string>& volumes = servers[i].volumes;
    if (!answers[i]) {
      ++metrics.not_asked;
      continue;
    }
    const auto taken = take(metrics.merged, *answers[i], volumes.front());
    (taken ? metrics.up : metrics.down).insert(volumes.begin(), volumes.end());
    if (!taken)
      log_event(unanswered, LogLevel::warning, "metrics.unanswered",
                {{"volume", volumes.front()}, {"error", taken.error().to_string()}});
  }
  metrics.seconds = std::chrono::duration<double>(system_clock().now() - started).count();
  return metrics;
}

void add_volume_metrics(MetricsText& text, const std::vector<VolumeReport>& volumes,
                        const ServerMetrics& servers) {
  text.family("volume_up", MetricKind::gauge,
              "1 when the volume's server answers the agent; 0 when it does not, or failed");
  for (const VolumeReport& volume : volumes) {
    const bool is_down = servers.down.contains(volume.id) || volume.phase == VolumePhase::failed ||
                         volume.phase == VolumePhase::repairing;
    // What is being made is neither.
    if (servers.up.contains(volume.id) || is_down)
      text.sample({{"volume", volume.id}}, std::uint64_t{servers.up.contains(volume.id) ? 1u : 0u});
  }
  text.family("volume_abnormal", MetricKind::gauge,
              "1 when the agent has something to say of the volume; its report says what");
  for (const VolumeReport& volume : volumes)
    text.sample({{"volume", volume.id}}, std::uint64_t{volume.abnormal.empty() ? 0u : 1u});
  text.family("volume_indexing_objects", MetricKind::gauge,
              "Objects listed so far of a volume that is being indexed");
  for (const VolumeReport& volume : volumes)
    if (volume.phase == VolumePhase::indexing)
      text.sample({{"volume", volume.id}}, volume.progress.objects);
  text.family("volume_targets", MetricKind::gauge, "Directories at which the volume is shown");
  for (const VolumeReport& volume : volumes)
    text.sample({{"volume", volume.id}}, std::uint64_t{volume.targets.size()});
  text.family("agent_servers_not_asked", MetricKind::gauge,
              "Servers whose metrics are missing here because the others took too long");
  text.sample({}, servers.not_asked);
  text.family("agent_collect_duration_seconds", MetricKind::gauge, "What asking the servers took");
  text.sample({}, servers.seconds);
}

std::string whole_exposition(const std::string& own, const ServerMetrics& servers) {
  control::MergedExposition all;
  ignore(all.add(own), "written by MetricsText");
  ignore(all.add(servers.merged.text()), "read and written by MergedExposition");
  return all.text();
}

}  // namespace shoal::agent
