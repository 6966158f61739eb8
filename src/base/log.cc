// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

#include "base/log_limit.h"

namespace shoal {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;  // settings: nothing is ordered by them
std::atomic<LogLevel> least_level{LogLevel::info};
std::atomic<LogFormat> line_format{LogFormat::text};

constexpr std::array kLevels{LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error};
constexpr std::array kFormats{LogFormat::text, LogFormat::json};

void append_hex(std::string& line, unsigned char byte, std::string_view prefix) {
  constexpr char kDigits[] = "0123456789abcdef";
  line += prefix;
  line += kDigits[byte >> 4];
  line += kDigits[byte & 15];
}

// Bytes of the well-formed UTF-8 sequence at the start of `text`; 0: there is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto is_tail = [&](std::size_t i) { return (at(i) & 0xc0u) == 0x80; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return is_tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool is_overlong = first == 0xe0 && at(1) < 0xa0;
    const bool is_surrogate = first == 0xed && at(1) > 0x9f;
    return is_tail(1) && is_tail(2) && !is_overlong && !is_surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool is_overlong = first == 0xf0 && at(1) < 0x90;
    const bool is_beyond = first == 0xf4 && at(1) > 0x8f;
    return is_tail(1) && is_tail(2) && is_tail(3) && !is_overlong && !is_beyond ? 4 : 0;
  }
  return 0;
}

// Whether a terminal would obey it: C0, DEL, and C1 as UTF-8.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  return first < ' ' || first == 0x7f ||
         (first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0);
}

void append_text_value(std::string& line, std::string_view value) {
  const bool quote = value.empty() || value.find_first_of(" \"=\n\t") != std::string_view::npos;
  if (quote) line += '"';
  while (!value.empty()) {
    const std::size_t length = utf8_length(value);
    const auto character = value.substr(0, std::max<std::size_t>(length, 1));
    const char c = character.front();
    if (c == '\n')
      line += "\\n";
    else if (length == 0 || is_control(character))  // a key must not move a terminal's cursor
      for (const char byte : character) append_hex(line, static_cast<unsigned char>(byte), "\\x");
    else if (c == '"' || c == '\\')
      (line += '\\') += c;
    else
      line += character;
    value.remove_prefix(character.size());
  }
  if (quote) line += '"';
}

void append_json_text(std::string& line, std::string_view value) {
  line += '"';
  while (!value.empty()) {
    const std::size_t length = utf8_length(value);
    const char c = value.front();
    if (length == 0)
      line += "\\ufffd";
    else if (c == '"' || c == '\\')
      (line += '\\') += c;
    else if (c == '\n')
      line += "\\n";
    else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      append_hex(line, static_cast<unsigned char>(c), "\\u00");
    else
      line += value.substr(0, length);
    value.remove_prefix(length == 0 ? 1 : length);
  }
  line += '"';
}

std::string stamp_of(WallTime at) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count() % 1000;
  std::tm calendar{};
  gmtime_r(&seconds, &calendar);
  char stamp[64];
  const std::size_t used = std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &calendar);
  std::snprintf(stamp + used, sizeof stamp - used, ".%03dZ", static_cast<int>(millis));
  return stamp;
}

void write_line(LogLevel level, std::string_view event, std::span<const LogField> fields) {
  std::string line = log_line(log_format(), std::chrono::system_clock::now(), level, event, fields);
  line += '\n';
  // One call, so that lines of several threads do not mix.
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

std::string_view name_of(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "?";
}

std::string_view name_of(LogFormat format) noexcept {
  return format == LogFormat::json ? "json" : "text";
}

Result<LogLevel> log_level_named(std::string_view name) {
  for (const LogLevel level : kLevels)
    if (name_of(level) == name) return level;
  return fail(ErrorCode::bad_input, "log level '" + std::string(name.substr(0, 40)) + "': unknown",
              "Use debug, info, warning or error.");
}

Result<LogFormat> log_format_named(std::string_view name) {
  for (const LogFormat format : kFormats)
    if (name_of(format) == name) return format;
  return fail(ErrorCode::bad_input, "log format '" + std::string(name.substr(0, 40)) + "': unknown",
              "Use text or json.");
}

LogField::LogField(std::string_view field, double number)
    : name(field), is_literal(std::isfinite(number)) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.6g", number);
  value = digits;
}

std::string log_line(LogFormat format, WallTime at, LogLevel level, std::string_view event,
                     std::span<const LogField> fields) {
  if (format == LogFormat::json) {
    std::string line = "{\"ts\":\"" + stamp_of(at) + "\",\"level\":\"";
    line += name_of(level);
    line += "\",\"event\":";
    append_json_text(line, event);
    for (const LogField& field : fields) {
      line += ',';
      append_json_text(line, field.name);
      line += ':';
      if (field.is_literal)
        line += field.value;
      else
        append_json_text(line, field.value);
    }
    line += '}';
    return line;
  }
  std::string line = stamp_of(at);
  line += ' ';
  line += name_of(level);
  line += ' ';
  line += event;
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    append_text_value(line, field.value);
  }
  return line;
}

void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (is_logged(level)) write_line(level, event, {fields.begin(), fields.size()});
}

void log_event(LogLimit& limit, LogLevel level, std::string_view event,
               std::initializer_list<LogField> fields) {
  if (!is_logged(level)) return;
  const LogLimit::Verdict verdict = limit.admit(system_clock().now());
  if (!verdict.is_written) return;
  std::vector<LogField> all(fields);
  if (verdict.left_out > 0) all.emplace_back("left_out", verdict.left_out);
  if (verdict.silent_for > Duration::zero())
    all.emplace_back("then_silent_s",
                     std::chrono::ceil<std::chrono::seconds>(verdict.silent_for).count());
  write_line(level, event, all);
}

bool is_logged(LogLevel level) noexcept {
  return level >= least_level.load(kRelaxed);
}
LogLevel log_level() noexcept {
  return least_level.load(kRelaxed);
}
void set_log_level(LogLevel level) noexcept {
  least_level.store(level, kRelaxed);
}
LogFormat log_format() noexcept {
  return line_format.load(kRelaxed);
}
void set_log_format(LogFormat format) noexcept {
  line_format.store(format, kRelaxed);
}

}  // namespace shoal
