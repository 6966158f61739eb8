// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "control/metrics_endpoint.h"
#include "display.h"
#include "flags.h"
#include "frontend/fuse/host_check.h"
#include "frontend/fuse/mount.h"
#include "frontend/fuse/serve_command.h"
#include "hint_flags.h"
#include "log_flags.h"
#include "places.h"
#include "progress.h"
#include "sys/file.h"
#include "sys/process.h"
#include "target.h"
#include "volume/resource_limit.h"

namespace shoal::tools {
namespace {

struct MountFlags {
  std::string target;
  std::string mount_point;
  StoreFlags store;
  ReadFlags read;
  HintFlags hints;
  OwnerFlags owner;
  std::string carrier = "automatic";
  std::string metrics_address;
  bool foreground = false;
  bool if_needed = false;
};

std::vector<std::string> server_command(const std::string& program, const MountFlags& flags,
                                        const HintFlags& hints, const Target& target,
                                        const fuse::MountPaths& paths) {
  const fuse::ServeCommand command{.program = program,
                                   .volume = target.volume,
                                   .control_socket = paths.control_socket,
                                   .metrics_address = flags.metrics_address,
                                   .profile = flags.store.profile,
                                   .credentials_file = flags.store.credentials_file,
                                   .cache_size = flags.read.cache_size,
                                   .buffer_size = flags.read.buffer_size,
                                   .resource_limit = flags.read.resource_limit,
                                   .max_bandwidth = flags.read.bytes_per_second,
                                   .max_requests = flags.read.requests_in_flight,
                                   .max_qps = flags.read.requests_per_second,
                                   .io_timeout_seconds = flags.read.io_timeout_s,
                                   .no_prefetch = flags.read.no_prefetch,
                                   .more = hints.arguments()};
  return command.arguments();
}

// Said now, rather than in the server's log: an address that is none, or that is taken.
Result<void> check_metrics_address(const std::string& address) {
  if (address.empty()) return {};
  SHOAL_TRY(const auto probe,
            control::MetricsEndpoint::start(address, [] { return std::string(); }));
  return {};
}

// The mount that --if-needed is content with: of the same volume, at the same place, and served.
std::optional<fuse::MountState> mount_in_place(const MountFlags& flags, const Target& target) {
  const auto mounts = fuse::list_mounts(runtime_directory());
  if (!flags.if_needed || !mounts) return std::nullopt;
  const auto place = mount_point_of(flags.mount_point);
  for (const fuse::MountState& mount : *mounts)
    if (mount.mount_point == place && mount.volume == target.volume &&
        (fuse::is_alive(mount.keeper) || fuse::is_alive(mount.server)))
      return mount;
  return std::nullopt;
}

Result<void> refuse_second_mount(const Target& target) {
  SHOAL_TRY(const auto mounts, fuse::list_mounts(runtime_directory()));
  for (const fuse::MountState& mount : mounts) {
    if (mount.volume != target.volume) continue;
    return fail(ErrorCode::precondition,
                fmt::format("{} (volume {}) is already mounted on {}", mount.source,
                            mount.volume.string(), mount.mount_point.string()),
                "Use that mount, `mount --bind` it, or give --volume for a second copy.");
  }
  return {};
}

void warn_when_not_empty(const std::filesystem::path& mount_point, const Io& io) {
  std::error_code status;
  if (!std::filesystem::is_empty(mount_point, status) && !status)
    complain(io, "warning: " + mount_point.string() +
                     " is not empty; its files are hidden until the unmount");
}

Result<fuse::MountState> mount_target(const MountFlags& flags, const Target& target,
                                      const image::WriteOptions& owner, const Io& io) {
  const auto mount_point = mount_point_of(flags.mount_point);
  if (auto present = mount_in_place(flags, target)) return std::move(*present);
  SHOAL_CHECK_OK(fuse::check_host(runtime_directory(), mount_point));
  SHOAL_CHECK_OK(fuse::check_not_covered(target.volume, "volume", mount_point));
  SHOAL_CHECK_OK(refuse_second_mount(target));
  SHOAL_CHECK_OK(check_metrics_address(flags.metrics_address));
  warn_when_not_empty(mount_point, io);
  catch_signals();
  SHOAL_TRY(const auto prepared, prepare_with_progress(target, owner, /*rebuild=*/false, io));
  if (prepared.generation.special_keys > 0)
    complain(io,
             fmt::format(
                 "note: {} keys needed special treatment; list them with `shoal index report {}`",
                 grouped(prepared.generation.special_keys), target.volume.string()));
  // A list from a pipe is kept in the volume: the server may start again.
  SHOAL_TRY(const auto hints, flags.hints.resolved(target.volume / "hints"));
  SHOAL_TRY(const auto program, sys::self_executable());
  fuse::KeeperOptions options;
  options.mount_point = mount_point;
  options.runtime_directory = runtime_directory();
  options.volume = target.volume;
  options.source = target.location.to_url();
  options.server_command =
      server_command(program.string(), flags, hints, target,
                     fuse::mount_paths(options.runtime_directory, mount_point));
  options.log_file = target.volume / "log" / "server.log";
  SHOAL_CHECK_OK(sys::make_directories(options.log_file.parent_path()));
  SHOAL_TRY(options.carrier, fuse::carrier_named(flags.carrier));
  if (options.carrier == fuse::Carrier::automatic &&
      (flags.read.no_prefetch || hints.wants_exact_reads()))
    options.carrier = fuse::Carrier::exact;
  SHOAL_TRY(auto mounted, fuse::mount(options, {program.string(), "keeper"}));
  if (io.stop->load() && !flags.foreground) {
    // Ctrl-C came when the keeper had mounted, and was in a session of its own.
    SHOAL_CHECK_OK(fuse::unmount(options.runtime_directory, mount_point, /*force=*/true));
    return fail(ErrorCode::canceled, "mount of " + options.source + ": interrupted");
  }
  return mounted;
}

// Until Ctrl-C, SIGTERM, or the end of the mount. A busy mount is tried again; Ctrl-C twice ends
// the process, and the mount stays.
int stay_attached(const fuse::MountState& mount, const Io& io) {
  std::mutex mutex;
  std::condition_variable tick;
  bool told = false;
  while (fuse::is_alive(mount.keeper)) {
    std::unique_lock lock(mutex);
    tick.wait_for(lock, std::chrono::milliseconds(100));
    if (!io.stop->load()) continue;
    const auto gone = fuse::unmount(runtime_directory(), mount.mount_point, /*force=*/false);
    if (gone) return kExitOk;
    if (gone.error().code() == ErrorCode::not_found) return kExitOk;
    if (!told) complain(io, gone.error());
    told = true;
  }
  return kExitOk;
}

int run_mount(const MountFlags& flags, const Io& io) {
  const auto read = flags.read.to_options();
  const auto owner = flags.owner.to_options();
  const auto carrier = fuse::carrier_named(flags.carrier);
  const auto hints = flags.hints.check_conflicts(flags.read);
  for (const Error* error :
       {read ? nullptr : &read.error(), owner ? nullptr : &owner.error(),
        carrier ? nullptr : &carrier.error(), hints ? nullptr : &hints.error()})
    if (error != nullptr) {
      complain(io, *error);
      return kExitUsage;
    }
  const auto target = dataset_target(flags.target, flags.store);
  if (!target) {
    complain(io, target.error());
    return kExitFailed;
  }
  const auto mount = mount_target(flags, *target, *owner, io);
  if (!mount) {
    complain(io, mount.error());
    if (mount.error().code() == ErrorCode::canceled)
      remark(io, "nothing is mounted; what was listed so far is kept for the next try");
    return kExitFailed;
  }
  fmt::print(io.out, "{} on {} ({})\n", mount->source, mount->mount_point.string(), mount->carrier);
  std::fflush(io.out);
  return flags.foreground ? stay_attached(*mount, io) : kExitOk;
}

}  // namespace

void add_mount(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<MountFlags>();
  CLI::App* command = app.add_subcommand("mount", "Mount a dataset (indexes it first if needed)");
  command->footer(std::string(R"(Examples:
  shoal mount s3://market-data/minute-bars /mnt/bars
  shoal mount oss://logs/2026 /mnt/logs --region cn-hangzhou --cache-size 100G
  shoal mount s3://public-data/set /mnt/set --no-sign-request
  shoal mount s3://b/p /mnt/p --endpoint http://127.0.0.1:9000 --volume /data/volumes/p
  shoal mount /data/volumes/p /mnt/p
  shoal mount s3://b/images /mnt/images --order epoch-1.txt
  shoal mount s3://b/p /mnt/p --resource-limit 2c4g

Returns when the mount is usable, or says why it is not and leaves nothing behind. The mount lives in
two background processes (keeper and server); their log is VOLUME/log/server.log. Keys that expire are
read again from their file; keys from the environment are what they were when the mount began.

)") + volume::resource_plan_help());
  command->add_option("target", flags->target, "URL of the dataset, or a volume's directory")
      ->required();
  command->add_option("directory", flags->mount_point, "Where to mount; must exist")->required();
  command->add_flag("-f,--foreground", flags->foreground,
                    "Stay attached; Ctrl-C or SIGTERM unmounts");
  command->add_flag("--if-needed", flags->if_needed,
                    "Nothing to do when the dataset is mounted there already");
  command
      ->add_option(
          "--carrier", flags->carrier,
          "How the kernel reads the image: automatic, exact, file-buffered, file-directio or "
          "loop. exact reads nothing ahead from one file to the next; it is what automatic becomes "
          "with --order, --replay, --record, --direct and --no-prefetch")
      ->type_name("HOW")
      ->capture_default_str();
  command
      ->add_option("--metrics-address", flags->metrics_address,
                   "Serve GET /metrics for Prometheus there; without a host on 127.0.0.1 "
                   "(default: only on the mount's unix socket)")
      ->type_name("[HOST]:PORT");
  add_store_flags(*command, flags->store);
  add_log_flags(*command);
  add_hint_flags(*command, flags->hints);
  add_read_flags(*command, flags->read);
  add_owner_flags(*command, flags->owner);
  command->callback([flags, &io, &exit_code] { exit_code = run_mount(*flags, io); });
}

}  // namespace shoal::tools
