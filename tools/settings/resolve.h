// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/settings/catalog.h"
#include "tools/settings/file.h"

// Which value a setting has, and who said so: a flag, else the environment, else the file, else
// nobody. In the file the most specific place wins: the longest dataset, then the command's table.

namespace shoal::tools {

enum class SettingFrom { flag, environment, file, fallback };
[[nodiscard]] std::string_view name_of(SettingFrom from);

struct ResolvedSetting {
  std::string name;
  CLI::Option* option = nullptr;    // null for a setting of the environment only
  std::vector<std::string> values;  // empty: nothing is said but what the program does by itself
  SettingFrom from = SettingFrom::fallback;
  std::string where;  // "SHOAL_CACHE_SIZE", "/etc/shoal/shoal.toml:12"
};

struct SettingSources {
  SettingsFile file;
  std::function<std::optional<std::string>(const std::string& name)> environment;
};
// getenv(); what is set to nothing is not set, nor is what set_variable_from_file() has set: that
// is the file's word.
[[nodiscard]] std::optional<std::string> environment_variable(const std::string& name);
// setenv(), remembered. For main() only, while there is one thread.
void set_variable_from_file(const std::string& name, const std::string& value);

// The settings of a command, in the order of its --help. `datasets` are the URLs it acts on. An
// option the parser has seen on the command line counts as a flag. bad_input: the file has
// different values for two of the datasets.
[[nodiscard]] Result<std::vector<ResolvedSetting>> resolve_settings(
    CLI::App& command, const SettingSources& sources, std::span<const std::string> datasets);

// Those of environment_settings(), in that order.
[[nodiscard]] std::vector<ResolvedSetting> resolve_environment(const SettingSources& sources);

// Whether a dataset's table is about `url`: it is the URL, or a parent of it; "s3://" is of all.
[[nodiscard]] bool covers(const std::string& table, const std::string& url);

}  // namespace shoal::tools
