// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "commands.h"
#include "control/client.h"
#include "frontend/fuse/mount.h"
#include "places.h"

namespace shoal::tools {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);
constexpr const char* kAll = "all";

struct LogLevelFlags {
  std::string level;  // empty: show
  std::string place;  // empty: all when shown
};

Result<std::vector<fuse::MountState>> mounts_of(const std::string& place) {
  SHOAL_TRY(auto mounts, fuse::list_mounts(runtime_directory()));
  const bool has_any = !mounts.empty();
  if (!place.empty() && place != kAll)
    std::erase_if(mounts, [&](const fuse::MountState& mount) {
      return mount_point_of(place) != mount.mount_point && place != mount.source;
    });
  if (mounts.empty())
    return fail(ErrorCode::not_found,
                has_any ? place + ": no Shoal mount there" : std::string("nothing is mounted"),
                "`shoal status` lists all mounts.");
  return mounts;
}

Result<void> set_or_show(const LogLevelFlags& flags, const fuse::MountState& mount, const Io& io) {
  if (!flags.level.empty()) {
    SHOAL_TRY(const LogLevel level, log_level_named(flags.level));
    SHOAL_CHECK_OK(control::set_log_level(mount.control_socket, level, kPatience));
  }
  SHOAL_TRY(const LogLevel now, control::get_log_level(mount.control_socket, kPatience));
  fmt::print(io.out, "{}  {}  {}\n", mount.mount_point.string(), name_of(now),
             mount.log_file.string());
  return {};
}

int run_log_level(const LogLevelFlags& flags, const Io& io) {
  if (!flags.level.empty() && flags.place.empty()) {
    complain(io, "log-level: which mount? Name its directory, or say `all`.");
    return kExitUsage;
  }
  const auto mounts = mounts_of(flags.place);
  if (!mounts) {
    complain(io, mounts.error());
    return kExitFailed;
  }
  int exit_code = kExitOk;
  for (const fuse::MountState& mount : *mounts) {
    const auto done = set_or_show(flags, mount, io);
    if (done) continue;
    complain(io, Error(done.error()).with_context(mount.mount_point.string()));
    exit_code = kExitFailed;
  }
  return exit_code;
}

}  // namespace

void add_log_level(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<LogLevelFlags>();
  CLI::App* command =
      app.add_subcommand("log-level", "Show or change how much the servers of mounts log");
  command->footer(R"(Examples:
  shoal log-level
  shoal log-level debug /mnt/bars    # every request to the bucket, with its id and time
  shoal log-level info all

Holds until it is changed again or the server ends; --log-level of `shoal mount` is what a server
begins with. Prints mount point, level and log file. SIGUSR2 to a server, or to `shoal watch`, switches
to debug and back.)");
  command->add_option("level", flags->level, "debug, info, warning or error (default: show)")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  command->add_option("mount", flags->place, "A mount point, dataset URL, or all");
  command->callback([flags, &io, &exit_code] { exit_code = run_log_level(*flags, io); });
}

}  // namespace shoal::tools
