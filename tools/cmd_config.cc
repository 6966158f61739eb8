// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "commands.h"
#include "settings/check.h"
#include "settings/use.h"
#include "settings/value.h"
#include "store/open.h"

namespace shoal::tools {
namespace {

using Json = nlohmann::ordered_json;

struct ShowFlags {
  std::vector<std::string> command;  // its words
  std::string dataset;
  bool all = false;
  bool json = false;
};

// One command's part of what is shown.
struct Section {
  std::string command;  // empty: the settings of every program
  std::vector<ResolvedSetting> settings;
};

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values)
    text += (text.empty() ? "" : ", ") + store::without_password(value);
  return text;
}

std::string fallback_of(const ResolvedSetting& setting) {
  if (setting.option != nullptr) return default_of(*setting.option);
  for (const EnvironmentSetting& known : environment_settings())
    if (setting.name == known.name) return known.fallback;
  return {};
}

std::string origin_of(const ResolvedSetting& setting) {
  switch (setting.from) {
    case SettingFrom::flag:
      return "flag " + setting.where;
    case SettingFrom::environment:
      return "environment " + setting.where;
    case SettingFrom::file:
      return setting.where;
    case SettingFrom::fallback:
      return "default";
  }
  return {};
}

void print_sections(const Io& io, const std::vector<Section>& sections) {
  std::size_t names = 0, values = 0;
  constexpr std::size_t kValueColumnsMax = 40;
  const auto value_of = [](const ResolvedSetting& setting) {
    const std::string value =
        setting.values.empty() ? fallback_of(setting) : joined(setting.values);
    return value.empty() ? "-" : value;
  };
  for (const Section& section : sections)
    for (const ResolvedSetting& setting : section.settings) {
      names = std::max(names, setting.name.size());
      values = std::max(values, std::min(kValueColumnsMax, value_of(setting).size()));
    }
  for (const Section& section : sections) {
    if (section.settings.empty()) continue;
    fmt::print(io.out, "\n{}:\n",
               section.command.empty() ? "every program" : "shoal " + section.command);
    for (const ResolvedSetting& setting : section.settings)
      fmt::print(io.out, "  {:<{}}  {:<{}}  {}\n", setting.name, names, value_of(setting), values,
                 origin_of(setting));
  }
}

Json json_of(const std::vector<Section>& sections) {
  Json list = Json::array();
  for (const Section& section : sections)
    for (const ResolvedSetting& setting : section.settings) {
      Json json{{"command", section.command}, {"name", setting.name}};
      if (setting.values.empty())
        json["value"] = nullptr;
      else if (setting.values.size() == 1)
        json["value"] = store::without_password(setting.values.front());
      else
        json["value"] = setting.values;
      json["from"] = name_of(setting.from);
      json["where"] = setting.where;
      if (setting.from == SettingFrom::fallback) json["default"] = fallback_of(setting);
      list.push_back(std::move(json));
    }
  return list;
}

Result<CLI::App*> command_of(CLI::App& scratch, const std::vector<std::string>& words) {
  std::string path;
  for (const std::string& word : words) path += (path.empty() ? "" : " ") + word;
  CLI::App* command = find_command(scratch, path);
  if (command == nullptr)
    return fail(ErrorCode::bad_input, "there is no command '" + path + "'",
                "`shoal --help` lists them.");
  return command;
}

// The leaves at and below a command.
std::vector<CLI::App*> leaves_of(CLI::App& command) {
  auto below = public_commands(command);
  if (below.empty()) below.push_back(&command);
  return below;
}

// Whether a command's setting says no more than one of every program, like the level of logs.
bool is_among(const std::vector<ResolvedSetting>& every, const ResolvedSetting& setting) {
  const auto same = std::ranges::find(every, setting.name, &ResolvedSetting::name);
  return same != every.end() && same->from == setting.from && same->where == setting.where;
}

Result<std::vector<Section>> sections_of(const ShowFlags& flags, const SettingSources& sources,
                                         CLI::App& scratch) {
  SHOAL_TRY(CLI::App * named, command_of(scratch, flags.command));
  std::vector<std::string> datasets;
  if (!flags.dataset.empty()) datasets.push_back(flags.dataset);
  std::vector<Section> sections{{"", resolve_environment(sources)}};
  const std::vector<ResolvedSetting> every = sections.front().settings;
  for (CLI::App* command : leaves_of(*named)) {
    SHOAL_TRY(auto settings, resolve_settings(*command, sources, datasets));
    if (flags.command.empty()) {
      std::erase_if(settings, [&](const ResolvedSetting& setting) {
        return (!flags.all && setting.from == SettingFrom::fallback) || is_among(every, setting);
      });
    }
    sections.push_back({command_path(*command), std::move(settings)});
  }
  // Who asks for one command is told what holds for it, once.
  if (sections.size() == 2)
    std::erase_if(sections.front().settings, [&](const ResolvedSetting& setting) {
      return std::ranges::find(sections.back().settings, setting.name, &ResolvedSetting::name) !=
             sections.back().settings.end();
    });
  return sections;
}

// A slip in SHOAL_CACHESIZE would pass unnoticed: other programs' variables do, too.
void warn_of_unknown_variables(const Io& io, CLI::App& scratch) {
  std::vector<std::string> known;
  for (const EnvironmentSetting& setting : environment_settings())
    known.emplace_back(setting.variable);
  for (CLI::App* command : public_commands(scratch))
    for (CLI::Option* option : settings_of(*command))
      for (const std::string& name : option->get_lnames()) known.push_back(environment_name(name));
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (!name.starts_with("SHOAL_") || name == "SHOAL_CONFIG" ||
        std::ranges::find(known, name) != known.end())
      continue;
    if (const auto nearest = nearest_name(name, known))
      complain(io, "warning: $" + name + " is no setting; did you mean $" + *nearest + "?");
  }
}

int show(const ShowFlags& flags, const SettingsPlace& place, const MakeScratch& make_scratch,
         const Io& io) {
  auto file = load_settings(place, make_scratch);
  if (!file) {
    complain(io, file.error());
    return kExitUsage;
  }
  const SettingSources sources{std::move(*file), environment_variable};
  const auto scratch = make_scratch();
  const auto sections = sections_of(flags, sources, *scratch);
  if (!sections) {
    complain(io, sections.error());
    return kExitUsage;
  }
  warn_of_unknown_variables(io, *scratch);
  const bool has_file = !sources.file.path.empty();
  if (flags.json) {
    const Json json{{"file", has_file ? Json(place.path.string()) : Json(nullptr)},
                    {"dataset", flags.dataset.empty() ? Json(nullptr) : Json(flags.dataset)},
                    {"settings", json_of(*sections)}};
    fmt::print(io.out, "{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
    return kExitOk;
  }
  fmt::print(io.out, "settings file: {}{}\n", place.path.string(), has_file ? "" : " (none)");
  if (!flags.dataset.empty()) fmt::print(io.out, "dataset: {}\n", flags.dataset);
  print_sections(io, *sections);
  return kExitOk;
}

int check(const std::string& named, const SettingsPlace& usual, const MakeScratch& make_scratch,
          const Io& io) {
  const std::filesystem::path path = named.empty() ? usual.path : std::filesystem::path(named);
  const auto file = read_settings(path);
  if (!file) {
    complain(io, file.error());
    return kExitFailed;
  }
  const auto problems = check_settings(*file, *make_scratch());
  for (const Error& problem : problems) complain(io, problem);
  if (!problems.empty()) return kExitFailed;
  fmt::print(io.out, "{}: {} settings, no problem\n", path.string(), file->entries.size());
  return kExitOk;
}

}  // namespace

void add_config(CLI::App& app, const Io& io, int& exit_code) {
  CLI::App* config = app.add_subcommand("config", "Show what is set where, check a settings file");
  config->require_subcommand(1);
  config->footer(
      R"(Every long flag is a setting, too. What the flags of a call leave open is taken from the
environment (SHOAL_CACHE_SIZE for --cache-size), then from /etc/shoal/shoal.toml ($SHOAL_CONFIG, or
`shoal --config FILE ...`), see shoal.toml(5); then it is the default.)");

  auto flags = std::make_shared<ShowFlags>();
  CLI::App* shown = config->add_subcommand("show", "Show settings and where each comes from");
  shown->footer(R"(Examples:
  shoal config show                     # what is set, for which commands
  shoal config show mount               # all settings of mount
  shoal config show mount --dataset s3://market-data/minute-bars
  shoal config show index build --json)");
  shown->add_option("command", flags->command, "Of this command only");
  shown->add_option("--dataset", flags->dataset, "As they are for this dataset")->type_name("URL");
  shown->add_flag("--all", flags->all, "Defaults too");
  shown->add_flag("--json", flags->json, "For programs");
  shown->callback([flags, &app, &io, &exit_code] {
    exit_code = show(*flags, settings_place(config_flag_of(app)), scratch_maker(io), io);
  });

  auto path = std::make_shared<std::string>();
  CLI::App* checked = config->add_subcommand("check", "Say what is wrong in a settings file");
  checked->add_option("file", *path, "Instead of the usual one");
  checked->callback([path, &app, &io, &exit_code] {
    exit_code = check(*path, settings_place(config_flag_of(app)), scratch_maker(io), io);
  });
}

}  // namespace shoal::tools
