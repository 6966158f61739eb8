// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/value.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "tools/flags.h"
#include "tools/settings/catalog.h"
#include "volume/resource_limit.h"

namespace shoal::tools {
namespace {

Error refused(const std::string& name, const std::string& value, const std::string& why,
              std::string remedy) {
  return Error(ErrorCode::bad_input, name + " = " + value + ": " + why, std::move(remedy));
}

// Types that the parser takes as text and the commands read themselves.
Result<void> check_text(const std::string& type, const std::string& name,
                        const std::string& value) {
  if (type == "SIZE") {
    std::uint64_t bytes = 0;
    if (!parse_bytes(value, bytes))
      return fail(refused(name, value, "not a size", "Write it like 512M or 20GiB."));
  } else if (type == "LIMIT") {
    if (const auto plan = volume::resource_plan(value); !plan)
      return fail(refused(name, value, plan.error().message(), plan.error().remedy()));
  } else if (type == "MASK") {
    OwnerFlags flags;
    flags.umask = value;
    if (const auto options = flags.to_options(); !options)
      return fail(refused(name, value, "not an octal mask", options.error().remedy()));
  }
  return {};
}

// What the parser takes for a yes and a no; it would count other numbers.
Result<std::string> flag_text(const std::string& name, const std::string& value) {
  std::string word = value;
  std::ranges::transform(word, word.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  constexpr std::array<std::string_view, 4> kYes = {"true", "yes", "on", "1"};
  constexpr std::array<std::string_view, 4> kNo = {"false", "no", "off", "0"};
  if (std::ranges::find(kYes, word) != kYes.end()) return "true";
  if (std::ranges::find(kNo, word) != kNo.end()) return "false";
  return fail(refused(name, value, "neither yes nor no", "Write true or false."));
}

}  // namespace

Result<void> check_environment_value(const EnvironmentSetting& setting, const std::string& value) {
  const std::string name = setting.name;
  if (setting.choices.empty()) {
    if (value.starts_with('/')) return {};
    return fail(refused(name, value, "not an absolute path", "Begin it with /."));
  }
  std::string choices;
  for (const std::string_view choice : setting.choices) {
    if (value == choice) return {};
    choices += (choices.empty() ? "" : ", ") + std::string(choice);
  }
  return fail(refused(name, value, "there is no such one", "Use one of: " + choices + "."));
}

bool is_path_type(const std::string& type) {
  constexpr std::array<std::string_view, 4> kPaths = {"FILE", "DIR", "PATH", "SOCKET"};
  return std::ranges::find(kPaths, type) != kPaths.end();
}

Result<void> set_value(CLI::Option& option, const std::string& name,
                       const std::vector<std::string>& values) {
  std::string all;
  for (const std::string& value : values) {
    all += (all.empty() ? "" : ", ") + value;
    SHOAL_CHECK_OK(check_text(value_type(option), name, value));
  }
  try {
    option.clear();
    if (is_flag(option)) {
      SHOAL_TRY(const std::string word, flag_text(name, all));
      option.add_result(option.get_flag_value(name, word));
    } else {
      option.add_result(values);
    }
    option.run_callback();
  } catch (const CLI::Error& error) {
    option.clear();
    // The parser's text begins with the flag, which stands in front of this one anyway.
    std::string why = error.what();
    const std::string prefix = "--" + name + ": ";
    if (why.starts_with(prefix)) why.erase(0, prefix.size());
    if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr)
      why = "it is no " + value_type(option);
    return fail(refused(name, all, why, {}));
  }
  return {};
}

}  // namespace shoal::tools
