// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

// Completion scripts, made from the command line parser: commands, flags, their choices, files,
// directories and live mount points. A script asks `shoal completion mounts` for the last, and
// nothing else. Pure.

namespace shoal::tools {

[[nodiscard]] std::string bash_completion(CLI::App& app);
[[nodiscard]] std::string zsh_completion(CLI::App& app);

enum class Completes { nothing, files, directories, mounts, choices };
struct Completion {
  Completes what = Completes::nothing;
  std::vector<std::string> choices;  // with `mounts`: words that may stand there, too
};
// What may stand behind a flag, or in a positional argument of a command.
[[nodiscard]] Completion value_completion(const CLI::Option& option);
[[nodiscard]] Completion argument_completion(CLI::App& app, const CLI::App& command);
// "-j" and "--jobs" of every option people can give.
[[nodiscard]] std::vector<std::string> flag_names(const CLI::Option& option);
[[nodiscard]] std::vector<CLI::Option*> visible_flags(CLI::App& command);
// The public commands right below `command`.
[[nodiscard]] std::vector<CLI::App*> visible_commands(CLI::App& command);

}  // namespace shoal::tools
