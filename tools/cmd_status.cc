// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "control/client.h"
#include "display.h"
#include "frontend/fuse/mount.h"
#include "places.h"

namespace shoal::tools {
namespace {

struct StatusFlags {
  std::string place;
  bool json = false;
};

struct MountReport {
  fuse::MountState mount;
  Result<control::Status> status;
};

std::string part_of(std::uint64_t part, std::uint64_t whole) {
  return fmt::format("{:.0f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// "; 3 throttled": what is worth a word only when it happened.
std::string if_any(std::uint64_t count, const char* what) {
  return count == 0 ? "" : fmt::format("; {} {}", grouped(count), what);
}

void print_reads(const Io& io, const VolumeStats& stats) {
  fmt::print(io.out, "  reads     {} of file data{}, {} with metadata{}\n",
             grouped(stats.data_reads),
             stats.data_reads == 0
                 ? ""
                 : ", " + part_of(stats.data_read_hits, stats.data_reads) + " without waiting",
             human_bytes(stats.read_bytes), if_any(stats.read_errors, "FAILED"));
  fmt::print(io.out, "  bucket    {} GETs, {}; {} in flight{}{}\n", grouped(stats.gets),
             human_bytes(stats.get_bytes), stats.requests_in_flight,
             if_any(stats.throttled, "throttled"), if_any(stats.get_errors, "FAILED"));
  if (stats.connections_opened > 0)
    fmt::print(io.out, "            {} connections opened, {} requests on one that was open{}\n",
               grouped(stats.connections_opened),
               grouped(stats.gets - std::min(stats.gets, stats.connections_opened)),
               stats.hedged_gets == 0
                   ? ""
                   : fmt::format("; {} sent twice, {} of these won", grouped(stats.hedged_gets),
                                 grouped(stats.hedges_won)));
}

void print_prefetch(const Io& io, const VolumeStats& stats, const PrefetchStatus& prefetch) {
  if (stats.prefetched_bytes > 0)
    fmt::print(io.out, "  prefetch  {} fetched ahead, {} of it read, {} dropped unread\n",
               human_bytes(stats.prefetched_bytes),
               part_of(stats.prefetch_used_bytes, stats.prefetched_bytes),
               human_bytes(stats.prefetch_wasted_bytes));
  for (const PolicyStatus& policy : prefetch.policies) {
    if (policy.proposed_bytes == 0) continue;
    // What is in neither number was asked for by readers, or the kernel's readahead, first.
    fmt::print(io.out, "    {:<8}{} proposed, {} came before its reader, {} dropped unread{}\n",
               policy.name, human_bytes(policy.proposed_bytes), human_bytes(policy.used_bytes),
               human_bytes(policy.wasted_bytes),
               policy.state == "on" || policy.state.empty() ? "" : "; " + policy.state);
  }
  if (prefetch.order_files > 0 || prefetch.order_missing > 0)
    fmt::print(io.out, "  order     at {} of {} files{}{}\n", grouped(prefetch.order_position),
               grouped(prefetch.order_files),
               if_any(prefetch.order_missing, "names in it are no files of the dataset"),
               prefetch.order_stopped ? "; GIVEN UP: it did not come true" : "");
  if (prefetch.recorded_files > 0)
    fmt::print(io.out, "  record    {} files so far\n", grouped(prefetch.recorded_files));
  if (stats.warmed_bytes > 0)
    fmt::print(io.out, "  warmed    {} fetched by `shoal warm`\n", human_bytes(stats.warmed_bytes));
}

void print_cache(const Io& io, const VolumeStats& stats, const PrefetchStatus& prefetch) {
  fmt::print(io.out, "  cache     {} of at most {}{}{}{}; {} of buffers in memory\n",
             human_bytes(stats.cache_bytes), human_bytes(stats.cache_bytes_max),
             if_any(stats.cache_chunks_evicted, "chunks evicted"),
             if_any(stats.cache_checksum_failures, "chunks DAMAGED and fetched again"),
             if_any(stats.cache_write_errors, "writes FAILED (disk full?)"),
             human_bytes(stats.buffer_bytes));
  if (prefetch.eviction.empty() && stats.cache_pinned_bytes == 0) return;
  fmt::print(io.out, "            {} pinned; when full: {}\n",
             human_bytes(stats.cache_pinned_bytes),
             prefetch.eviction.empty() ? "scan-resistant" : prefetch.eviction);
}

void print_server(const Io& io, const control::Status& status) {
  const VolumeInfo& volume = status.volume;
  const VolumeStats& stats = status.stats;
  fmt::print(io.out, "  dataset   {} files, {} directories, {}; generation {}, listed {} ago\n",
             grouped(volume.files), grouped(volume.directories), human_bytes(volume.object_bytes),
             volume.generation,
             duration_text(static_cast<std::uint64_t>(
                 std::max<std::int64_t>(0, std::time(nullptr) - volume.listed_at))));
  if (volume.special_keys > 0)
    fmt::print(io.out, "  keys      {} needed special treatment: shoal index report {}\n",
               grouped(volume.special_keys), volume.directory.string());
  print_reads(io, stats);
  print_prefetch(io, stats, status.prefetch);
  print_cache(io, stats, status.prefetch);
  if (stats.changed_objects > 0)
    fmt::print(
        io.out,
        "  CHANGED   {} objects were replaced or deleted since the dataset was listed: their\n"
        "            files cannot be read. Run `shoal umount`, `shoal index build --rebuild\n"
        "            {}` and mount again.\n",
        grouped(stats.changed_objects), volume.directory.string());
  if (!status.recent_errors.empty()) fmt::print(io.out, "  last errors, newest first\n");
  for (const std::string& line : status.recent_errors)
    fmt::print(io.out, "    {}\n", printable(line));
}

void print_mount(const Io& io, const MountReport& report) {
  const fuse::MountState& mount = report.mount;
  fmt::print(io.out, "{} on {}\n", mount.source, mount.mount_point.string());
  fmt::print(io.out, "  volume    {}\n", mount.volume.string());
  fmt::print(io.out, "  kernel    {} over {}\n", mount.carrier, mount.frontend);
  fmt::print(
      io.out, "  server    pid {}{}, {} restarts; keeper pid {}{}\n", mount.server.pid,
      report.status
          ? ", up " + duration_text(static_cast<std::uint64_t>(report.status->uptime_seconds))
          : "",
      mount.server_restarts, mount.keeper.pid,
      fuse::is_alive(mount.keeper) ? "" : " (DEAD: nobody restarts the server)");
  fmt::print(io.out, "  log       {}\n", mount.log_file.string());
  if (report.status)
    print_server(io, *report.status);
  else
    fmt::print(io.out, "  NO ANSWER {}\n", report.status.error().to_string());
}

nlohmann::ordered_json json_of(const MountReport& report) {
  const fuse::MountState& mount = report.mount;
  nlohmann::ordered_json json{{"mount_point", mount.mount_point.string()},
                              {"source", mount.source},
                              {"volume_directory", mount.volume.string()},
                              {"frontend_kind", mount.frontend},
                              {"carrier", mount.carrier},
                              {"resend", mount.resend},
                              {"keeper_pid", mount.keeper.pid},
                              {"keeper_alive", fuse::is_alive(mount.keeper)},
                              {"server_pid", mount.server.pid},
                              {"server_restarts", mount.server_restarts},
                              {"mounted_at", mount.mounted_at},
                              {"log_file", mount.log_file.string()}};
  if (!report.status) {
    json["error"] = report.status.error().to_string();
    return json;
  }
  const auto server = nlohmann::ordered_json::parse(control::encode_status(*report.status));
  for (const char* part :
       {"volume", "stats", "prefetch", "frontend", "recent_errors", "uptime_seconds"})
    if (server.contains(part)) json[part] = server[part];
  return json;
}

int run_status(const StatusFlags& flags, const Io& io) {
  const auto mounts = fuse::list_mounts(runtime_directory());
  if (!mounts) {
    complain(io, mounts.error());
    return kExitFailed;
  }
  std::vector<MountReport> reports;
  int exit_code = kExitOk;
  for (const fuse::MountState& mount : *mounts) {
    if (!flags.place.empty() && mount_point_of(flags.place) != mount.mount_point &&
        mount_point_of(flags.place) != mount.volume && flags.place != mount.source)
      continue;
    reports.push_back({mount, control::get_status(mount.control_socket, std::chrono::seconds(5))});
    if (!reports.back().status) exit_code = kExitFailed;
  }
  if (flags.json) {
    nlohmann::ordered_json json{{"mounts", nlohmann::ordered_json::array()}};
    for (const MountReport& report : reports) json["mounts"].push_back(json_of(report));
    fmt::print(io.out, "{}\n",
               json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    for (const MountReport& report : reports) {
      if (&report != &reports.front()) fmt::print(io.out, "\n");
      print_mount(io, report);
    }
  }
  if (!reports.empty()) return exit_code;
  if (!flags.place.empty()) {
    complain(io, flags.place + ": no Shoal mount there. `shoal status` lists all mounts.");
    return kExitFailed;
  }
  if (!flags.json) fmt::print(io.out, "nothing is mounted\n");
  return kExitOk;
}

}  // namespace

void add_status(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = app.add_subcommand("status", "Show what is mounted and how it is doing");
  command->footer(R"(Examples:
  shoal status
  shoal status /mnt/bars
  shoal status /mnt/bars --json | jq '.mounts[0].stats.gets'

Counts are since the server started. Exit code 1: a server does not answer, or nothing is mounted at
the place named.)");
  command->add_option("place", flags->place, "A mount point, volume directory or dataset URL");
  command->add_flag("--json", flags->json, "For programs");
  command->callback([flags, &io, &exit_code] { exit_code = run_status(*flags, io); });
}

}  // namespace shoal::tools
