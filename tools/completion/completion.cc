// SPDX-License-Identifier: Apache-2.0
#include "tools/completion/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <string_view>

#include "tools/settings/catalog.h"
#include "tools/settings/value.h"

namespace shoal::tools {

std::vector<CLI::App*> visible_commands(CLI::App& command) {
  return command.get_subcommands([](CLI::App* below) { return !below->get_group().empty(); });
}

std::vector<CLI::Option*> visible_flags(CLI::App& command) {
  return command.get_options([](CLI::Option* option) {
    return !option->get_positional() && !option->get_group().empty();
  });
}

std::vector<std::string> flag_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

Completion value_completion(const CLI::Option& option) {
  if (auto choices = choices_of(option); !choices.empty()) return {Completes::choices, choices};
  const std::string type = value_type(option);
  if (type == "DIR") return {Completes::directories, {}};
  if (is_path_type(type)) return {Completes::files, {}};
  return {};
}

Completion argument_completion(CLI::App& app, const CLI::App& command) {
  constexpr std::array<std::string_view, 5> kOfMounts = {"umount", "status", "warm", "shuffle",
                                                         "bench"};
  const std::string path = command_path(command);
  if (std::ranges::find(kOfMounts, path) != kOfMounts.end()) return {Completes::mounts, {}};
  if (path == "log-level")
    return {Completes::mounts, {"debug", "info", "warning", "error", "agent", "all"}};
  if (path == "completion") return {Completes::choices, {"bash", "zsh"}};
  if (path == "config show") {
    Completion names{Completes::choices, {}};
    for (CLI::App* below : visible_commands(app)) names.choices.push_back(below->get_name());
    return names;
  }
  return {Completes::files, {}};
}

}  // namespace shoal::tools
