// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/use.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "frontend/fuse/mount.h"
#include "tools/places.h"
#include "tools/settings/check.h"
#include "tools/settings/value.h"

namespace shoal::tools {
namespace {

constexpr const char* kDefaultFile = "/etc/shoal/shoal.toml";

bool is_about_shoal(const std::string& path) {
  return path.empty() || path.starts_with("config") || path.starts_with("completion");
}

// --config of a command line that is not parsed yet: it stands before the command.
std::string config_before_command(std::span<const char* const> arguments) {
  constexpr std::string_view kFlag = "--config";
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == kFlag) return i + 1 < arguments.size() ? arguments[i + 1] : "";
    if (word.starts_with(std::string(kFlag) + "="))
      return std::string(word.substr(kFlag.size() + 1));
    if (!word.starts_with('-')) break;
  }
  return {};
}

std::optional<std::string> dataset_named(const std::string& argument, const SettingsFile& file,
                                         const std::vector<fuse::MountState>& mounts) {
  if (argument.find("://") != std::string::npos) return argument;
  for (const FileEntry& entry : file.entries)
    if (entry.name == "volume" && entry.values.front() == argument) return entry.dataset;
  const auto place = mount_point_of(argument);
  for (const fuse::MountState& mount : mounts)
    if (place == mount.mount_point || place == mount.volume) return mount.source;
  return std::nullopt;
}

}  // namespace

CLI::App& chosen_command(CLI::App& app) {
  CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return *command;
}

SettingsPlace settings_place(const std::string& flag) {
  if (!flag.empty()) return {flag, false};
  if (const auto named = environment_variable("SHOAL_CONFIG")) return {*named, false};
  return {kDefaultFile, true};
}

Result<SettingsFile> load_settings(const SettingsPlace& place, const MakeScratch& make_scratch) {
  auto file = read_settings(place.path);
  if (!file && file.error().code() == ErrorCode::not_found && place.may_be_missing)
    return SettingsFile{};
  if (!file || file->entries.empty()) return file;
  const auto scratch = make_scratch();
  const auto problems = check_settings(*file, *scratch);
  if (problems.empty()) return file;
  Error first = problems.front();
  if (problems.size() == 1) return fail(std::move(first));
  std::string remedy = first.remedy() + (first.remedy().empty() ? "" : " ") + "All " +
                       std::to_string(problems.size()) + " problems: `shoal config check " +
                       place.path.string() + "`.";
  return fail(std::move(first).with_remedy(std::move(remedy)));
}

std::vector<std::string> datasets_of(CLI::App& command, const SettingsFile& file) {
  std::vector<std::string> datasets;
  if (std::ranges::none_of(file.entries, [](const auto& entry) { return !entry.dataset.empty(); }))
    return datasets;
  // A runtime directory that cannot be read is the command's to complain about.
  const auto mounts =
      fuse::list_mounts(runtime_directory()).value_or(std::vector<fuse::MountState>{});
  for (CLI::Option* option :
       command.get_options([](CLI::Option* o) { return o->get_positional(); }))
    for (const std::string& argument : option->results())
      if (auto dataset = dataset_named(argument, file, mounts)) datasets.push_back(*dataset);
  return datasets;
}

void set_environment_from_file(std::span<const char* const> arguments) {
  auto file = read_settings(settings_place(config_before_command(arguments)).path);
  if (!file) return;
  const SettingSources sources{std::move(*file), environment_variable};
  const auto known = environment_settings();
  const auto resolved = resolve_environment(sources);
  for (std::size_t i = 0; i < known.size(); ++i)
    if (resolved[i].from == SettingFrom::file && resolved[i].values.size() == 1 &&
        check_environment_value(known[i], resolved[i].values.front()))
      set_variable_from_file(known[i].variable, resolved[i].values.front());
}

Result<void> use_settings(CLI::App& app, const std::string& config_flag,
                          const MakeScratch& make_scratch, const Io& io) {
  CLI::App& command = chosen_command(app);
  const std::string path = command_path(command);
  if (is_about_shoal(path) || find_command(app, path) == nullptr) return {};
  SettingSources sources{{}, environment_variable};
  auto file = load_settings(settings_place(config_flag), make_scratch);
  const bool takes_none = settings_of(command).empty();
  if (file)
    sources.file = std::move(*file);
  else if (takes_none)
    complain(io, "warning: settings are ignored: " + file.error().to_string());
  else
    return fail(std::move(file).error());
  if (takes_none) return {};
  SHOAL_TRY(const auto settings,
            resolve_settings(command, sources, datasets_of(command, sources.file)));
  for (const ResolvedSetting& setting : settings) {
    if (setting.from == SettingFrom::flag || setting.from == SettingFrom::fallback) continue;
    if (auto set = set_value(*setting.option, setting.name, setting.values); !set)
      return fail(std::move(set).error().with_context(setting.where));
  }
  return {};
}

}  // namespace shoal::tools
