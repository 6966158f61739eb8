// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "store/encoding.h"

namespace shoal::store {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};

// Digits only, exactly as many as asked for.
std::optional<unsigned> number(std::string_view text, std::size_t offset, std::size_t digits) {
  if (offset + digits > text.size()) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(offset, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

struct Parts {
  std::optional<unsigned> year, month, day, hour, minute, second;
};

std::optional<std::chrono::sys_seconds> time_of(const Parts& parts) {
  if (!parts.year || !parts.month || !parts.day || !parts.hour || !parts.minute || !parts.second)
    return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*parts.year)),
                                         std::chrono::month(*parts.month),
                                         std::chrono::day(*parts.day));
  // A leap second (60) is allowed and is the next minute's first.
  if (!date.ok() || *parts.hour > 23 || *parts.minute > 59 || *parts.second > 60)
    return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*parts.hour) +
         std::chrono::minutes(*parts.minute) + std::chrono::seconds(*parts.second);
}

}  // namespace

std::string format_http_date(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  std::array<char, 64> text{};
  std::snprintf(
      text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      kWeekdays[std::chrono::weekday(day).c_encoding()].data(), static_cast<unsigned>(date.day()),
      kMonths[static_cast<unsigned>(date.month()) - 1].data(), static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  // "Sat, 16 Dec 2023 16:20:57 GMT"
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT"))
    return std::nullopt;
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  if (month == kMonths.end() || text[19] != ':' || text[22] != ':') return std::nullopt;
  return time_of({.year = number(text, 12, 4),
                  .month = static_cast<unsigned>(month - kMonths.begin()) + 1,
                  .day = number(text, 5, 2),
                  .hour = number(text, 17, 2),
                  .minute = number(text, 20, 2),
                  .second = number(text, 23, 2)});
}

std::optional<std::int64_t> parse_iso_date(std::string_view text) {
  // "2023-12-16T16:20:57Z" with or without ".000" before the Z
  if (text.size() < 20 || text.size() > 40 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
      text[13] != ':' || text[16] != ':' || text.back() != 'Z')
    return std::nullopt;
  if (text.size() > 20 && (text[19] != '.' || text.size() == 21 ||
                           !number(text, 20, std::min<std::size_t>(text.size() - 21, 9))))
    return std::nullopt;
  const auto time = time_of({.year = number(text, 0, 4),
                             .month = number(text, 5, 2),
                             .day = number(text, 8, 2),
                             .hour = number(text, 11, 2),
                             .minute = number(text, 14, 2),
                             .second = number(text, 17, 2)});
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

}  // namespace shoal::store
