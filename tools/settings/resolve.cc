// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/resolve.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace shoal::tools {
namespace {

// As much of the process as its environment is.
std::vector<std::string>& variables_from_file() {
  static std::vector<std::string> names;
  return names;
}

std::string without_slashes(std::string url) {
  while (url.ends_with('/') && !url.ends_with("://")) url.pop_back();
  return url;
}

// How specific an entry is for a command and a dataset; nothing when it is about others.
std::optional<std::tuple<std::size_t, std::size_t>> rank(const FileEntry& entry,
                                                         const std::string& command,
                                                         const std::string& dataset) {
  if (!entry.dataset.empty() && (dataset.empty() || !covers(entry.dataset, dataset)))
    return std::nullopt;
  if (!entry.command.empty() && entry.command != command &&
      !command.starts_with(entry.command + " "))
    return std::nullopt;
  return std::tuple(without_slashes(entry.dataset).size(), entry.command.size());
}

const FileEntry* find_entry(const SettingsFile& file, const CLI::Option& option,
                            const std::string& command, const std::string& dataset) {
  const FileEntry* best = nullptr;
  for (const FileEntry& entry : file.entries) {
    const auto& names = option.get_lnames();
    if (std::ranges::find(names, entry.name) == names.end()) continue;
    const auto found = rank(entry, command, dataset);
    if (found && (best == nullptr || *found > *rank(*best, command, dataset))) best = &entry;
  }
  return best;
}

Result<const FileEntry*> entry_of_all(const SettingsFile& file, const CLI::Option& option,
                                      const std::string& command,
                                      std::span<const std::string> datasets) {
  if (datasets.empty()) return find_entry(file, option, command, "");
  const FileEntry* first = find_entry(file, option, command, datasets.front());
  for (const std::string& dataset : datasets.subspan(1)) {
    const FileEntry* other = find_entry(file, option, command, dataset);
    if (other == first) continue;
    if (other != nullptr && first != nullptr && other->values == first->values) continue;
    return fail(ErrorCode::bad_input,
                file.path.string() + " has different values of " + setting_name(option) + " for " +
                    datasets.front() + " and " + dataset,
                "Run the command once for each, or give --" + setting_name(option) + ".");
  }
  return first;
}

bool set_from_environment(const SettingSources& sources, ResolvedSetting& setting) {
  for (const std::string& name : setting.option->get_lnames()) {
    const std::string variable = environment_name(name);
    const auto value = sources.environment(variable);
    if (!value) continue;
    setting.name = name;
    setting.values = {*value};
    setting.from = SettingFrom::environment;
    setting.where = variable;
    return true;
  }
  return false;
}

void set_from_file(const SettingsFile& file, const FileEntry& entry, ResolvedSetting& setting) {
  setting.name = entry.name;
  setting.values = entry.values;
  setting.from = SettingFrom::file;
  setting.where = file.where(entry);
}

}  // namespace

std::string_view name_of(SettingFrom from) {
  switch (from) {
    case SettingFrom::flag:
      return "flag";
    case SettingFrom::environment:
      return "environment";
    case SettingFrom::file:
      return "file";
    case SettingFrom::fallback:
      return "default";
  }
  return "";
}

std::optional<std::string> environment_variable(const std::string& name) {
  const auto& ours = variables_from_file();
  if (std::ranges::find(ours, name) != ours.end()) return std::nullopt;
  const char* value = std::getenv(name.c_str());
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

void set_variable_from_file(const std::string& name, const std::string& value) {
  if (::setenv(name.c_str(), value.c_str(), /*overwrite=*/1) == 0)
    variables_from_file().push_back(name);
}

bool covers(const std::string& table, const std::string& url) {
  const std::string above = without_slashes(table);
  const std::string below = without_slashes(url);
  return below == above || below.starts_with(above.ends_with("://") ? above : above + "/");
}

Result<std::vector<ResolvedSetting>> resolve_settings(CLI::App& command,
                                                      const SettingSources& sources,
                                                      std::span<const std::string> datasets) {
  const std::string path = command_path(command);
  std::vector<ResolvedSetting> all;
  for (CLI::Option* option : settings_of(command)) {
    ResolvedSetting setting;
    setting.name = setting_name(*option);
    setting.option = option;
    if (option->count() > 0) {
      setting.values = option->results();
      setting.from = SettingFrom::flag;
      setting.where = "--" + setting.name;
    } else if (!set_from_environment(sources, setting)) {
      SHOAL_TRY(const FileEntry* entry, entry_of_all(sources.file, *option, path, datasets));
      if (entry != nullptr) set_from_file(sources.file, *entry, setting);
    }
    all.push_back(std::move(setting));
  }
  return all;
}

std::vector<ResolvedSetting> resolve_environment(const SettingSources& sources) {
  std::vector<ResolvedSetting> all;
  for (const EnvironmentSetting& known : environment_settings()) {
    ResolvedSetting setting;
    setting.name = known.name;
    if (const auto value = sources.environment(known.variable)) {
      setting.values = {*value};
      setting.from = SettingFrom::environment;
      setting.where = known.variable;
    } else {
      for (const FileEntry& entry : sources.file.entries)
        if (entry.dataset.empty() && entry.command.empty() && entry.name == known.name)
          set_from_file(sources.file, entry, setting);
    }
    all.push_back(std::move(setting));
  }
  return all;
}

}  // namespace shoal::tools
