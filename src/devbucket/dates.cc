// SPDX-License-Identifier: Apache-2.0
#include "devbucket/dates.h"

#include <array>
#include <charconv>
#include <chrono>

namespace shoal::devbucket {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t kDaySeconds = 86'400;

struct Civil {
  std::chrono::year_month_day date;
  unsigned weekday;
  std::int64_t second_of_day;
};

Civil civil(std::int64_t seconds) {
  const auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(seconds)));
  const std::int64_t start = std::int64_t{day.time_since_epoch().count()} * kDaySeconds;
  return {std::chrono::year_month_day(day), std::chrono::weekday(day).c_encoding(),
          seconds - start};
}

void append_digits(std::string& text, std::int64_t value, int width) {
  std::array<char, 20> digits{};
  for (int i = width - 1; i >= 0; --i) {
    digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  text.append(digits.data(), static_cast<std::size_t>(width));
}

void append_clock(std::string& text, std::int64_t second_of_day) {
  append_digits(text, second_of_day / 3600, 2);
  text += ':';
  append_digits(text, second_of_day / 60 % 60, 2);
  text += ':';
  append_digits(text, second_of_day % 60, 2);
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<std::int64_t> join(std::optional<std::int64_t> year,
                                 std::optional<std::int64_t> month, std::optional<std::int64_t> day,
                                 std::string_view hour, std::string_view minute,
                                 std::string_view second) {
  const auto h = number(hour);
  const auto m = number(minute);
  const auto s = number(second);
  if (!year || !month || !day || !h || !m || !s) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *h > 23 || *m > 59 || *s > 60) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return std::int64_t{days} * kDaySeconds + *h * 3600 + *m * 60 + *s;
}

}  // namespace

void append_http_date(std::string& text, std::int64_t seconds) {
  const Civil time = civil(seconds);
  text += kDays[time.weekday];
  text += ", ";
  append_digits(text, static_cast<unsigned>(time.date.day()), 2);
  text += ' ';
  text += kMonths[static_cast<unsigned>(time.date.month()) - 1];
  text += ' ';
  append_digits(text, static_cast<int>(time.date.year()), 4);
  text += ' ';
  append_clock(text, time.second_of_day);
  text += " GMT";
}

void append_iso_date(std::string& text, std::int64_t seconds) {
  const Civil time = civil(seconds);
  append_digits(text, static_cast<int>(time.date.year()), 4);
  text += '-';
  append_digits(text, static_cast<unsigned>(time.date.month()), 2);
  text += '-';
  append_digits(text, static_cast<unsigned>(time.date.day()), 2);
  text += 'T';
  append_clock(text, time.second_of_day);
  text += ".000Z";
}

std::optional<std::int64_t> parse_basic_date(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  return join(number(text.substr(0, 4)), number(text.substr(4, 2)), number(text.substr(6, 2)),
              text.substr(9, 2), text.substr(11, 2), text.substr(13, 2));
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  // "Wed, 21 Oct 2015 07:28:00 GMT"
  if (text.size() != 29 || !text.ends_with(" GMT") || text[3] != ',') return std::nullopt;
  std::optional<std::int64_t> month;
  for (std::size_t i = 0; i < kMonths.size(); ++i)
    if (text.substr(8, 3) == kMonths[i]) month = static_cast<std::int64_t>(i + 1);
  return join(number(text.substr(12, 4)), month, number(text.substr(5, 2)), text.substr(17, 2),
              text.substr(20, 2), text.substr(23, 2));
}

}  // namespace shoal::devbucket
