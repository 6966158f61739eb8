// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/io.h"
#include "tools/settings/resolve.h"

// What main() does between parsing the command line and running the command.

namespace shoal::tools {

// A parser with all commands, of which none is ever run.
using MakeScratch = std::function<std::unique_ptr<CLI::App>()>;

// The file settings are read from: `flag` (--config), else $SHOAL_CONFIG, else
// /etc/shoal/shoal.toml, which may be missing.
struct SettingsPlace {
  std::filesystem::path path;
  bool may_be_missing = false;
};
[[nodiscard]] SettingsPlace settings_place(const std::string& flag);

// Reads and checks it. bad_input names the first problem, and how many there are.
[[nodiscard]] Result<SettingsFile> load_settings(const SettingsPlace& place,
                                                 const MakeScratch& make_scratch);

// The URLs a parsed command acts on: those among its arguments, those behind mount points, and
// those of volumes that the file names.
[[nodiscard]] std::vector<std::string> datasets_of(CLI::App& command, const SettingsFile& file);

// Gives the command that was named what the flags left open, and the process the environment that
// only the file knows. Nothing to do for commands about Shoal itself and for hidden ones. A command
// without settings (umount) runs beside a broken file, with a warning: it must be possible to
// unmount. bad_input says whose value it was.
[[nodiscard]] Result<void> use_settings(CLI::App& app, const std::string& config_flag,
                                        const MakeScratch& make_scratch, const Io& io);

}  // namespace shoal::tools
