// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "frontend/fuse/mount.h"
#include "places.h"

namespace shoal::tools {
namespace {

struct UmountFlags {
  std::vector<std::string> mount_points;
  bool force = false;
  bool if_needed = false;
};

int run_umount(const UmountFlags& flags, const Io& io) {
  int exit_code = kExitOk;
  for (const std::string& text : flags.mount_points) {
    const auto done = fuse::unmount(runtime_directory(), mount_point_of(text), flags.force);
    const bool is_gone = !done && done.error().code() == ErrorCode::not_found;
    if (done || (is_gone && flags.if_needed)) continue;
    complain(io, done.error());
    exit_code = kExitFailed;
  }
  return exit_code;
}

}  // namespace

void add_umount(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<UmountFlags>();
  CLI::App* command = app.add_subcommand("umount", "Unmount, and stop what served the mount");
  command->footer(R"(Examples:
  shoal umount /mnt/bars
  shoal umount --force /mnt/bars    # detach although files are open; their readers get errors

The volume (index, image, cache) stays for the next mount.)");
  command->add_option("directory", flags->mount_points, "Mount points")->required();
  command->add_flag("--force", flags->force, "Detach a busy mount");
  command->add_flag("--if-needed", flags->if_needed, "Nothing to do when Shoal has no mount there");
  command->callback([flags, &io, &exit_code] { exit_code = run_umount(*flags, io); });
}

}  // namespace shoal::tools
