// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

// What can be set without a flag: the long flags of all commands, found by walking the command line
// parser, so that a new command's flags are settings without a word here; and the directories and
// logs that only the environment knows. Confined.

namespace shoal::tools {

// A setting that is no flag: programs read it from the environment.
struct EnvironmentSetting {
  const char* name;      // in the settings file: "volumes"
  const char* variable;  // "SHOAL_VOLUMES"
  const char* fallback;  // what holds when it is not set, for people
  const char* help;
  std::span<const std::string_view> choices = {};  // empty: it is an absolute path
};
[[nodiscard]] std::span<const EnvironmentSetting> environment_settings();

// "index build" for the command `build` of `index`; empty for the program itself.
[[nodiscard]] std::string command_path(const CLI::App& command);
// The command of that path below `app`; null when there is none, or it is hidden.
[[nodiscard]] CLI::App* find_command(CLI::App& app, std::string_view path);
// Every command people can name that has no commands of its own, in the order of --help.
[[nodiscard]] std::vector<CLI::App*> public_commands(CLI::App& app);

// False for what is said per call: arguments, --help, --json, --dry-run, `sync --delete`...
[[nodiscard]] bool is_setting(const CLI::App& command, const CLI::Option& option);
// Flags in the list of what is said per call that no command has; for the test of that list.
[[nodiscard]] std::vector<std::string> unknown_per_call_flags(CLI::App& app);
[[nodiscard]] std::vector<CLI::Option*> settings_of(CLI::App& command);
// The setting of a command with this name; null when it has none.
[[nodiscard]] CLI::Option* find_setting(CLI::App& command, std::string_view name);
// The name people should use: the first long flag without dashes.
[[nodiscard]] std::string setting_name(const CLI::Option& option);
// "cache-size" -> "SHOAL_CACHE_SIZE".
[[nodiscard]] std::string environment_name(std::string_view setting);
// "cache_size" -> "cache-size".
[[nodiscard]] std::string canonical_name(std::string_view key);

[[nodiscard]] bool is_flag(const CLI::Option& option);  // takes no value
[[nodiscard]] bool takes_several(const CLI::Option& option);
// The word --help shows for the value: "SIZE", "FILE"; empty for a flag.
[[nodiscard]] std::string value_type(const CLI::Option& option);
// The values an option has to be one of; empty when it may be anything.
[[nodiscard]] std::vector<std::string> choices_of(const CLI::Option& option);
// What holds when nobody sets it, as --help says it; empty when it says nothing.
[[nodiscard]] std::string default_of(const CLI::Option& option);

// The candidate most like `word`, if one is like it enough to be what was meant.
[[nodiscard]] std::optional<std::string> nearest_name(std::string_view word,
                                                      std::span<const std::string> candidates);

}  // namespace shoal::tools
