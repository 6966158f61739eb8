// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "commands.h"
#include "completion/completion.h"
#include "frontend/fuse/mount.h"
#include "places.h"

namespace shoal::tools {
namespace {

int run_completion(const std::string& what, const Io& io) {
  if (what == "mounts") {  // what the scripts ask
    const auto mounts = fuse::list_mounts(runtime_directory());
    if (!mounts) return kExitFailed;
    for (const fuse::MountState& mount : *mounts)
      fmt::print(io.out, "{}\n", mount.mount_point.string());
    return kExitOk;
  }
  const auto scratch = scratch_maker(io)();
  fmt::print(io.out, "{}", what == "zsh" ? zsh_completion(*scratch) : bash_completion(*scratch));
  return kExitOk;
}

}  // namespace

void add_completion(CLI::App& app, const Io& io, int& exit_code) {
  auto what = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print what makes a shell complete commands and flags");
  command->footer(R"(Examples:
  source <(shoal completion bash)
  shoal completion zsh > ~/.zfunc/_shoal

The Debian package installs both.)");
  command->add_option("shell", *what, "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "mounts"}));
  command->callback([what, &io, &exit_code] { exit_code = run_completion(*what, io); });
}

}  // namespace shoal::tools
