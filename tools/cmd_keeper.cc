// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "commands.h"
#include "frontend/fuse/keeper.h"
#include "log_flags.h"

namespace shoal::tools {

void add_keeper(CLI::App& app, const Io&, int& exit_code) {
  struct KeeperFlags {
    int options_fd = -1;
    int report_fd = -1;
    int adopt_fd = -1;
  };
  auto flags = std::make_shared<KeeperFlags>();
  CLI::App* command = app.add_subcommand("keeper", "Holds one mount; started by `shoal mount`");
  command->group("");  // not in --help
  command->add_option("--options-fd", flags->options_fd)->required();
  command->add_option("--report-fd", flags->report_fd)->required();
  command->add_option("--adopt-fd", flags->adopt_fd);
  command->callback([flags, &exit_code] {
    switch_log_level_on_signal();
    exit_code = fuse::keeper_main(flags->options_fd, flags->report_fd, flags->adopt_fd);
  });
}

}  // namespace shoal::tools
