// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
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

// The command that a parsed command line named; `app` itself when it named none.
[[nodiscard]] CLI::App& chosen_command(CLI::App& app);

// Puts what the file says of environment_settings() into the environment of this process, where it
// is looked for, and where the processes it starts find it. To be called before the parser is made:
// defaults of flags are made of it. What is wrong in the file is left out, and for use_settings()
// to say.
void set_environment_from_file(std::span<const char* const> arguments);

// Gives the command that was named what the flags left open. Nothing to do for commands about Shoal
// itself and for hidden ones. A command without settings (umount) runs beside a broken file, with a
// warning: it must be possible to unmount. bad_input says whose value it was.
[[nodiscard]] Result<void> use_settings(CLI::App& app, const std::string& config_flag,
                                        const MakeScratch& make_scratch, const Io& io);

}  // namespace shoal::tools
