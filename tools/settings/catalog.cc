// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/catalog.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>

namespace shoal::tools {
namespace {

constexpr std::array<std::string_view, 2> kLogFormats = {"text", "json"};
constexpr std::array<std::string_view, 4> kLogLevels = {"debug", "info", "warning", "error"};

constexpr std::array kEnvironmentSettings = {
    EnvironmentSetting{
        "volumes", "SHOAL_VOLUMES", "/var/lib/shoal/volumes; ~/.cache/shoal when not root",
        "Directory below which each dataset has its volume: index, image, cache, log"},
    EnvironmentSetting{"state", "SHOAL_STATE", "/var/lib/shoal; ~/.local/state/shoal when not root",
                       "Directory of what must survive a restart: the journals of uploads"},
    EnvironmentSetting{"runtime", "SHOAL_RUNTIME",
                       "/run/shoal; $XDG_RUNTIME_DIR/shoal when not root",
                       "Directory of sockets and of the state of live mounts"},
    EnvironmentSetting{"log-format", "SHOAL_LOG_FORMAT", "text",
                       "How log lines are written: text or json", kLogFormats},
    EnvironmentSetting{"log-level", "SHOAL_LOG_LEVEL", "info",
                       "Least important log lines that are written: debug, info, warning or error",
                       kLogLevels},
};

struct PerCall {
  const char* command;  // "*": all
  const char* flag;
};
// Flags that say what one call is to do. In a file, or in the environment of a whole session, they
// would surprise whoever forgot them there (--delete), or contradict each other (--seed).
constexpr PerCall kPerCall[] = {
    {"*", "help"},
    {"*", "version"},
    {"*", "config"},
    {"*", "json"},
    {"*", "dry-run"},
    {"*", "force"},
    {"*", "yes"},
    {"*", "recursive"},
    {"index build", "rebuild"},
    {"mount", "foreground"},
    {"mount", "if-needed"},
    {"umount", "if-needed"},
    {"put", "if-match"},
    {"put", "no-clobber"},
    {"put", "no-resume"},
    {"append", "position"},
    {"uploads", "resume"},
    {"uploads", "abort"},
    {"uploads", "abort-all"},
    {"uploads", "journal"},
    {"warm", "list"},
    {"warm", "pin"},
    {"warm", "unpin"},
    {"warm", "check"},
    {"shuffle", "seed"},
    {"shuffle", "epoch"},
    {"shuffle", "append"},
    {"sync", "delete"},
    {"watch", "delete-after"},
    {"watch", "once"},
    // Patterns count in the order in which they are given among each other.
    {"sync", "include"},
    {"sync", "exclude"},
    {"watch", "include"},
    {"watch", "exclude"},
    // What a measurement measures stands in the line that starts it.
    {"bench", "order"},
    {"bench", "seed"},
    {"bench", "include"},
    {"bench", "files"},
    {"bench", "for"},
    {"bench", "readers"},
    {"bench", "block-size"},
    {"bench", "state"},
    {"bench", "warmup"},
    {"bench", "passes"},
    {"bench", "html"},
};

// Commands that are about Shoal, not about data.
constexpr std::array<std::string_view, 2> kWithoutSettings = {"config", "completion"};

bool is_per_call(const std::string& command, const std::string& flag) {
  return std::ranges::any_of(kPerCall, [&](const PerCall& entry) {
    return flag == entry.flag &&
           (command == entry.command || std::string_view("*") == entry.command);
  });
}

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = from[i] == to[j] ? diagonal : 1 + std::min({diagonal, above, row[j]});
      diagonal = above;
    }
  }
  return row.back();
}

bool is_hidden(const CLI::App& command) {
  return command.get_group().empty();
}

}  // namespace

std::span<const EnvironmentSetting> environment_settings() {
  return kEnvironmentSettings;
}

std::string command_path(const CLI::App& command) {
  if (command.get_parent() == nullptr) return {};
  const std::string above = command_path(*command.get_parent());
  return above.empty() ? command.get_name() : above + " " + command.get_name();
}

CLI::App* find_command(CLI::App& app, std::string_view path) {
  CLI::App* command = &app;
  while (!path.empty()) {
    const std::string_view word = path.substr(0, path.find(' '));
    path.remove_prefix(std::min(path.size(), word.size() + 1));
    const auto below = command->get_subcommands(
        [&](CLI::App* sub) { return sub->get_name() == word && !is_hidden(*sub); });
    if (below.empty()) return nullptr;
    command = below.front();
  }
  return command;
}

std::vector<CLI::App*> public_commands(CLI::App& app) {
  std::vector<CLI::App*> commands;
  for (CLI::App* command : app.get_subcommands([](CLI::App* sub) { return !is_hidden(*sub); })) {
    const auto below = public_commands(*command);
    if (below.empty())
      commands.push_back(command);
    else
      commands.insert(commands.end(), below.begin(), below.end());
  }
  return commands;
}

bool is_setting(const CLI::App& command, const CLI::Option& option) {
  if (option.get_lnames().empty() || option.get_required() || !option.get_configurable() ||
      option.get_group().empty())
    return false;
  const std::string path = command_path(command);
  const std::string first = path.substr(0, path.find(' '));
  if (std::ranges::find(kWithoutSettings, first) != kWithoutSettings.end()) return false;
  return std::ranges::none_of(option.get_lnames(),
                              [&](const std::string& name) { return is_per_call(path, name); });
}

std::vector<std::string> unknown_per_call_flags(CLI::App& app) {
  const auto commands = public_commands(app);
  std::vector<std::string> unknown;
  for (const PerCall& entry : kPerCall) {
    const std::string flag = std::string("--") + entry.flag;
    const bool is_of_any = std::string_view("*") == entry.command;
    const bool is_known = (is_of_any && app.get_option_no_throw(flag) != nullptr) ||
                          std::ranges::any_of(commands, [&](CLI::App* command) {
                            return (is_of_any || command_path(*command) == entry.command) &&
                                   command->get_option_no_throw(flag) != nullptr;
                          });
    if (!is_known) unknown.push_back(entry.command + (" " + flag));
  }
  return unknown;
}

std::vector<CLI::Option*> settings_of(CLI::App& command) {
  return command.get_options([&](CLI::Option* option) { return is_setting(command, *option); });
}

CLI::Option* find_setting(CLI::App& command, std::string_view name) {
  for (CLI::Option* option : settings_of(command))
    if (std::ranges::find(option->get_lnames(), name) != option->get_lnames().end()) return option;
  return nullptr;
}

std::string setting_name(const CLI::Option& option) {
  return option.get_lnames().front();
}

std::string environment_name(std::string_view setting) {
  std::string name = "SHOAL_";
  for (const char letter : setting)
    name +=
        letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return name;
}

std::string canonical_name(std::string_view key) {
  std::string name(key);
  std::ranges::replace(name, '_', '-');
  return name;
}

bool is_flag(const CLI::Option& option) {
  return option.get_items_expected_max() == 0;
}

bool takes_several(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}

std::string value_type(const CLI::Option& option) {
  if (is_flag(option)) return {};
  const std::string type = option.get_type_name();
  constexpr std::string_view kPort = ":PORT";  // of an address
  if (const auto port = type.find(kPort); port != std::string::npos)
    return type.substr(0, port + kPort.size());
  // Behind any other colon stands what validators say of themselves.
  return type.substr(0, type.find(':'));
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto open = type.find(":{");
  if (open == std::string::npos || !type.ends_with('}')) return {};
  std::vector<std::string> choices;
  std::string list = type.substr(open + 2);
  list.back() = ',';
  for (std::size_t begin = 0, comma = 0; (comma = list.find(',', begin)) != std::string::npos;
       begin = comma + 1)
    choices.push_back(list.substr(begin, comma - begin));
  return choices;
}

std::string default_of(const CLI::Option& option) {
  if (!option.get_default_str().empty()) return option.get_default_str();
  if (is_flag(option)) return "no";
  const std::string text = option.get_description();
  constexpr std::string_view kWord = "(default";
  const auto begin = text.rfind(kWord);
  if (begin == std::string::npos) return {};
  const auto end = text.find(')', begin);
  const auto value = text.find_first_not_of(": ", begin + kWord.size());
  return end == std::string::npos || value >= end ? "" : text.substr(value, end - value);
}

std::optional<std::string> nearest_name(std::string_view word,
                                        std::span<const std::string> candidates) {
  // One slip in three letters is a slip; more is another word.
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::optional<std::string> nearest;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace shoal::tools
