// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/check.h"
#include "store/open.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>

#include "store/open.h"
#include "tools/settings/catalog.h"
#include "tools/settings/resolve.h"
#include "tools/settings/value.h"

namespace shoal::tools {
namespace {

// One value of these for several datasets would make them overwrite each other.
constexpr std::array<std::string_view, 5> kOfOneDataset = {"volume", "order", "replay", "record",
                                                           "journal"};
constexpr const char* kWhereKeysBelong =
    "Put keys into a file only root can read, in the form of ~/.aws/credentials, and name it: "
    "credentials-file = \"/etc/shoal/credentials\".";
constexpr std::array<std::string_view, 7> kSecretWords = {
    "secret", "password", "passwd", "token", "accesskey", "akid", "aksecret"};

// What one host can have once, or one dataset: a port.
constexpr std::string_view kOfOneProcess = "metrics-address";
constexpr std::string_view kOneOfItsKind = "agent";  // the command that a host runs once

// How people and other programs spell the names of keys: accessKeyId, AWS_ACCESS_KEY_ID, akId.
bool names_a_secret(const std::string& name) {
  std::string letters;
  for (const char letter : name)
    if (std::isalnum(static_cast<unsigned char>(letter)) != 0)
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return std::ranges::any_of(
      kSecretWords, [&](std::string_view word) { return letters.find(word) != std::string::npos; });
}

std::string or_nearest(std::string_view word, const std::vector<std::string>& known) {
  const auto nearest = nearest_name(word, known);
  return nearest ? "Did you mean " + *nearest + "? " : "";
}

class Checker {
 public:
  Checker(const SettingsFile& file, CLI::App& scratch)
      : file_(file), scratch_(scratch), commands_(public_commands(scratch)) {}

  void check(const FileEntry& entry) {
    entry_ = &entry;
    if (names_a_secret(entry.name)) {
      report(entry.name + ": keys do not belong in this file, which every user may read",
             kWhereKeysBelong);
      return;
    }
    if (store::has_password(entry.dataset) ||
        std::ranges::any_of(entry.values, store::has_password)) {
      report(entry.name + ": a URL with a name or a password in it", kWhereKeysBelong);
      return;
    }
    if (!check_dataset() || !check_command() || !check_once()) return;
    if (const auto* setting = of_environment()) return check_of_environment(*setting);
    std::vector<CLI::App*> takers;
    for (CLI::App* command : commands_)
      if (is_meant(*command) && find_setting(*command, entry.name) != nullptr)
        takers.push_back(command);
    if (takers.empty()) return report_unknown();
    if (entry.dataset.empty() && entry.name == kOfOneProcess && entry.command != kOneOfItsKind)
      return report(
          entry.name + ": the second process that has it could not listen there",
          "Put it into a dataset's table ([\"s3://bucket/prefix\"], for its one mount), or "
          "into [agent].");
    if (entry.dataset.empty() &&
        std::ranges::find(kOfOneDataset, entry.name) != kOfOneDataset.end())
      return report(entry.name + ": one value for all datasets would make them share it",
                    "Put it into a dataset's table: [\"s3://bucket/prefix\"].");
    for (CLI::App* command : takers)
      if (!check_value(*command, *find_setting(*command, entry.name))) return;
  }

  std::vector<Error> take_problems() { return std::move(problems_); }

 private:
  void report(const std::string& what, std::string remedy) {
    problems_.emplace_back(
        ErrorCode::bad_input,
        fmt::format("{}:{}:{}: {}", file_.path.string(), entry_->line, entry_->column, what),
        std::move(remedy));
  }

  bool is_meant(CLI::App& command) const {
    const std::string path = command_path(command);
    return entry_->command.empty() || path == entry_->command ||
           path.starts_with(entry_->command + " ");
  }

  bool check_dataset() {
    const std::string& url = entry_->dataset;
    if (url.empty() || url.starts_with("s3://") || url.starts_with("oss://") ||
        url.starts_with("file://"))
      return true;
    report("[\"" + url + "\"]: not a scheme Shoal knows", "Use s3://, oss:// or file://.");
    return false;
  }

  bool check_command() {
    if (entry_->command.empty() || find_command(scratch_, entry_->command) != nullptr) return true;
    std::vector<std::string> known;
    for (CLI::App* command : commands_) known.push_back(command_path(*command));
    report("[" + entry_->command + "]: there is no such command",
           or_nearest(entry_->command, known) +
               "Tables are named after commands, or after datasets: [\"s3://bucket/prefix\"].");
    return false;
  }

  // TOML knows nothing of two spellings of one name.
  bool check_once() {
    for (const FileEntry& other : file_.entries) {
      if (&other == entry_) return true;
      if (other.name != entry_->name || other.command != entry_->command ||
          !covers(other.dataset, entry_->dataset) || !covers(entry_->dataset, other.dataset))
        continue;
      report(entry_->name + ": line " + std::to_string(other.line) + " says it already",
             "Keep one of the two.");
      return false;
    }
    return true;
  }

  // Null when it is not about all programs. A name may be both: the log of a command, and of all.
  const EnvironmentSetting* of_environment() const {
    if (!entry_->command.empty() || !entry_->dataset.empty()) return nullptr;
    const auto known = environment_settings();
    const auto found = std::ranges::find(known, entry_->name, &EnvironmentSetting::name);
    return found == known.end() ? nullptr : &*found;
  }

  void check_of_environment(const EnvironmentSetting& setting) {
    if (entry_->kind != FileEntry::Kind::text)
      return report(entry_->name + ": it takes text", "Write it in double quotes.");
    const auto good = check_environment_value(setting, entry_->values.front());
    if (!good) report(good.error().message(), good.error().remedy());
  }

  void report_unknown() {
    std::vector<std::string> known;
    bool is_flag_somewhere = false;
    for (CLI::App* command : commands_) {
      if (!is_meant(*command)) continue;
      for (CLI::Option* option : settings_of(*command))
        for (const std::string& name : option->get_lnames()) known.push_back(name);
      is_flag_somewhere =
          is_flag_somewhere || command->get_option_no_throw("--" + entry_->name) != nullptr;
    }
    if (entry_->command.empty() && entry_->dataset.empty())
      for (const EnvironmentSetting& setting : environment_settings())
        known.emplace_back(setting.name);
    if (is_flag_somewhere)
      return report(entry_->name + ": a flag that is said per call, not a setting",
                    "Give it on the command line: --" + entry_->name + ".");
    const std::string where = entry_->command.empty() ? "" : " of `shoal " + entry_->command + "`";
    report(entry_->name + ": there is no such setting" + where,
           or_nearest(entry_->name, known) + "`shoal config show" +
               (entry_->command.empty() ? " --all" : " " + entry_->command) + "` lists them.");
  }

  bool check_value(CLI::App& command, CLI::Option& option) {
    const std::string& name = entry_->name;
    if (is_flag(option) != (entry_->kind == FileEntry::Kind::boolean)) {
      report(name + (is_flag(option) ? ": it is on or off" : ": true and false are no value of it"),
             is_flag(option) ? "Write true or false, without quotes."
                             : "Write a " + value_type(option) + ".");
      return false;
    }
    if (entry_->kind == FileEntry::Kind::list && !takes_several(option)) {
      report(name + ": it takes one value, not a list", "Leave the brackets out.");
      return false;
    }
    if (is_path_type(value_type(option)))
      for (const std::string& value : entry_->values)
        if (!value.starts_with('/')) {
          report(name + " = " + value + ": not an absolute path",
                 "Begin it with /: nobody knows where the command will be started.");
          return false;
        }
    const auto tried = set_value(option, name, entry_->values);
    option.clear();
    if (tried) return true;
    report(tried.error().message() +
               (entry_->command.empty() ? " (for `shoal " + command_path(command) + "`)" : ""),
           tried.error().remedy());
    return false;
  }

  const SettingsFile& file_;
  CLI::App& scratch_;
  std::vector<CLI::App*> commands_;
  const FileEntry* entry_ = nullptr;
  std::vector<Error> problems_;
};

}  // namespace

std::vector<Error> check_settings(const SettingsFile& file, CLI::App& scratch) {
  Checker checker(file, scratch);
  for (const FileEntry& entry : file.entries) checker.check(entry);
  return checker.take_problems();
}

}  // namespace shoal::tools
