// SPDX-License-Identifier: Apache-2.0
#include "log_flags.h"

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"

namespace shoal::tools {
namespace {

constexpr const char* kLevelFlag = "--log-level";
constexpr const char* kFormatFlag = "--log-format";
constexpr const char* kLevelVariable = "SHOAL_LOG_LEVEL";
constexpr const char* kFormatVariable = "SHOAL_LOG_FORMAT";

// The level to come back to. Written before the handler is installed, then by the handler alone.
std::atomic<LogLevel> usual_level{LogLevel::info};

extern "C" void switch_level(int) {
  const bool is_debug = log_level() == LogLevel::debug;
  if (!is_debug) usual_level.store(log_level());
  set_log_level(is_debug ? usual_level.load() : LogLevel::debug);
}

Result<void> take_level(const std::string& name) {
  SHOAL_TRY(const LogLevel level, log_level_named(name));
  set_log_level(level);
  return {};
}

Result<void> take_format(const std::string& name) {
  SHOAL_TRY(const LogFormat format, log_format_named(name));
  set_log_format(format);
  return {};
}

}  // namespace

void add_log_flags(CLI::App& command) {
  const auto add = [&](const char* name, const std::vector<std::string>& choices, const char* type,
                       const std::string& about) {
    command.add_option(name, about)->check(CLI::IsMember(choices))->type_name(type)->group("Log");
  };
  add(kLevelFlag, {"debug", "info", "warning", "error"}, "LEVEL",
      "How much is logged: debug, info, warning, error (default: $SHOAL_LOG_LEVEL, else info)");
  add(kFormatFlag, {"text", "json"}, "FORMAT",
      "Log lines as text, or as JSON: text, json (default: $SHOAL_LOG_FORMAT, else text)");
}

void take_log_flags(const CLI::App& command) {
  for (const auto& [flag, variable] :
       {std::pair(kLevelFlag, kLevelVariable), std::pair(kFormatFlag, kFormatVariable)}) {
    const CLI::Option* option = command.get_option_no_throw(flag);
    if (option != nullptr && option->count() > 0)
      ::setenv(variable, option->as<std::string>().c_str(), /*overwrite=*/1);
  }
}

Result<void> take_log_environment() {
  const auto take = [](const char* variable,
                       Result<void> (*use)(const std::string&)) -> Result<void> {
    const char* text = std::getenv(variable);
    if (text == nullptr || *text == '\0') return {};
    if (auto used = use(text); !used)
      return fail(std::move(used).error().with_context("$" + std::string(variable)));
    return {};
  };
  auto level = take(kLevelVariable, take_level);
  auto format = take(kFormatVariable, take_format);
  return level ? format : level;
}

void switch_log_level_on_signal() {
  usual_level.store(log_level() == LogLevel::debug ? LogLevel::info : log_level());
  struct sigaction action {};
  action.sa_handler = switch_level;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGUSR2, &action, nullptr);
}

}  // namespace shoal::tools
