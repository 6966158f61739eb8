// SPDX-License-Identifier: Apache-2.0
#include "log_flags.h"

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "base/log.h"

namespace shoal::tools {
namespace {

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
  const char* group = "Log";
  const auto add = [&](const char* name, const char* variable,
                       Result<void> (*take)(const std::string&), const std::string& about) {
    return command
        .add_option_function<std::string>(
            name,
            [variable, take](const std::string& text) {
              ignore(take(text), "checked by IsMember");
              ::setenv(variable, text.c_str(), /*overwrite=*/1);
            },
            about + " (default: $" + variable + ", else ")
        ->group(group);
  };
  CLI::Option* level = add("--log-level", kLevelVariable, take_level,
                           "How much is logged: debug, info, warning, error");
  level->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->type_name("LEVEL")
      ->description(level->get_description() + "info)");
  CLI::Option* format = add("--log-format", kFormatVariable, take_format,
                            "Log lines as text, or as JSON: text, json");
  format->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->description(format->get_description() + "text)");
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
  SHOAL_CHECK_OK(take(kLevelVariable, take_level));
  return take(kFormatVariable, take_format);
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
