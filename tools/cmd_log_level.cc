// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
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
constexpr const char* kAgent = "agent";

struct LogLevelFlags {
  std::string level;  // empty: show
  std::string place;  // empty: all when shown
};

// A process that logs and has a control socket.
struct Logger {
  std::string name;  // mount point, or "agent"
  std::filesystem::path socket;
  std::string log;  // where it logs to
};

Result<std::vector<Logger>> loggers_at(const std::string& place) {
  std::vector<Logger> loggers;
  const bool is_all = place.empty() || place == kAll;
  SHOAL_TRY(const auto mounts, fuse::list_mounts(runtime_directory()));
  for (const fuse::MountState& mount : mounts)
    if (is_all || mount_point_of(place) == mount.mount_point || place == mount.source)
      loggers.push_back(
          {mount.mount_point.string(), mount.control_socket, mount.log_file.string()});
  const auto agent = runtime_directory() / "agent.sock";
  if (place == kAgent || (is_all && std::filesystem::exists(agent)))
    loggers.push_back({kAgent, agent, "its standard error"});
  if (loggers.empty())
    return fail(ErrorCode::not_found,
                is_all ? std::string("nothing is mounted") : place + ": no Shoal mount there",
                "`shoal status` lists all mounts.");
  return loggers;
}

Result<void> set_or_show(const LogLevelFlags& flags, const Logger& logger, const Io& io) {
  if (!flags.level.empty()) {
    SHOAL_TRY(const LogLevel level, log_level_named(flags.level));
    SHOAL_CHECK_OK(control::set_log_level(logger.socket, level, kPatience));
  }
  SHOAL_TRY(const LogLevel now, control::get_log_level(logger.socket, kPatience));
  fmt::print(io.out, "{}  {}  {}\n", logger.name, name_of(now), logger.log);
  return {};
}

int run_log_level(LogLevelFlags flags, const Io& io) {
  const bool has_level = log_level_named(flags.level).has_value();
  // `log-level /mnt/bars` asks.
  if (!has_level && flags.place.empty()) flags.place = std::exchange(flags.level, {});
  if (!has_level && !flags.level.empty()) {
    complain(io, log_level_named(flags.level).error());
    return kExitUsage;
  }
  if (!flags.level.empty() && flags.place.empty()) {
    complain(io, "log-level: which mount? Name its directory, or say `agent` or `all`.");
    return kExitUsage;
  }
  const auto loggers = loggers_at(flags.place);
  if (!loggers) {
    complain(io, loggers.error());
    return kExitFailed;
  }
  int exit_code = kExitOk;
  for (const Logger& logger : *loggers) {
    const auto done = set_or_show(flags, logger, io);
    if (done) continue;
    complain(io, Error(done.error()).with_context(logger.name));
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
  shoal log-level /mnt/bars
  shoal log-level debug /mnt/bars    # every request to the bucket, with its id and time
  shoal log-level info all
  shoal log-level debug agent

Holds until it is changed again or the server ends; --log-level of `shoal mount` is what a server
begins with. Prints name, level and log. SIGUSR2 to a server, the agent or `shoal watch` switches to debug
and back.)");
  command->add_option("level", flags->level, "debug, info, warning or error (default: show)");
  command->add_option("mount", flags->place, "A mount point, dataset URL, agent, or all");
  command->callback([flags, &io, &exit_code] { exit_code = run_log_level(*flags, io); });
}

}  // namespace shoal::tools
