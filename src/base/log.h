// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

// Events with fields, for frontends, background loops and tools. Library code below `volume`
// returns errors and logs at `debug` only.
//
//   log_event(LogLevel::warning, "server.died", {{"pid", pid}, {"how", "signal 9"}});
//
// Whoever builds fields that cost something asks is_logged() first; that is one load.

namespace shoal {

class LogLimit;

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t {
  text,  // 2026-01-02T03:04:05.678Z warning server.died pid=7 how="signal 9"
  json,  // {"ts":"2026-01-02T03:04:05.678Z","level":"warning","event":"server.died","pid":7,...}
};
[[nodiscard]] std::string_view name_of(LogLevel level) noexcept;
[[nodiscard]] std::string_view name_of(LogFormat format) noexcept;
// "debug", "info", "warning", "error"; "text", "json". bad_input for anything else.
[[nodiscard]] Result<LogLevel> log_level_named(std::string_view name);
[[nodiscard]] Result<LogFormat> log_format_named(std::string_view name);

// A name that is not ts, level or event, and a value: any bytes, or a number, or a truth.
struct LogField {
  template <typename T>
  requires std::convertible_to<const T&, std::string_view> LogField(std::string_view field,
                                                                    const T& text)
      : name(field), value(std::string_view(text)) {}
  template <std::integral T>
  LogField(std::string_view field, T number) : name(field), is_literal(true) {
    if constexpr (std::same_as<T, bool>)
      value = number ? "true" : "false";
    else
      value = std::to_string(number);
  }
  LogField(std::string_view field, double number);  // rounded to six digits

  std::string_view name;
  std::string value;
  bool is_literal = false;  // written without quotes in JSON
};

// Writes one line to standard error in one call. What is not UTF-8 is replaced in JSON, escaped in
// text. synchronized.
void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
// The same for what can happen thousands of times a second: what goes beyond `limit` is counted,
// and the next line that is written says how many were left out.
void log_event(LogLimit& limit, LogLevel level, std::string_view event,
               std::initializer_list<LogField> fields);

// The line without its end, and without writing it.
[[nodiscard]] std::string log_line(LogFormat format, WallTime at, LogLevel level,
                                   std::string_view event, std::span<const LogField> fields);

// Lines below the level are dropped; info and text by default. May be set at any time, also in a
// signal handler. synchronized.
[[nodiscard]] bool is_logged(LogLevel level) noexcept;
[[nodiscard]] LogLevel log_level() noexcept;
void set_log_level(LogLevel level) noexcept;
[[nodiscard]] LogFormat log_format() noexcept;
void set_log_format(LogFormat format) noexcept;

}  // namespace shoal
