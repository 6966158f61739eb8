// SPDX-License-Identifier: Apache-2.0
#include "csi/attribute_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace shoal::csi {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";

template <typename Number, typename... Base>
std::optional<Number> whole(std::string_view text, Base... base) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [rest, status] = std::from_chars(text.data(), end, number, base...);
  if (status != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> seconds_of(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  for (text = trimmed(text); !text.empty();) {
    const auto end = text.find_first_of(kSpace);
    found.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? "" : trimmed(text.substr(end));
  }
  return found;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string plain_name(std::string_view text) {
  std::string result = lower(text);
  std::erase_if(result, [](char c) { return c == '-' || c == '_'; });
  return result;
}

std::optional<bool> bool_value(std::string_view text) {
  const std::string word = lower(text);
  for (const char* yes : {"true", "1", "yes", "on"})
    if (word == yes) return true;
  for (const char* no : {"false", "0", "no", "off"})
    if (word == no) return false;
  return std::nullopt;
}

std::optional<std::uint32_t> number_value(std::string_view text) {
  return whole<std::uint32_t>(text);
}

std::optional<double> rate_value(std::string_view text) {
  const auto rate = whole<double>(text);
  if (!rate || !std::isfinite(*rate) || *rate < 0) return std::nullopt;
  return rate;
}

std::optional<std::uint32_t> mode_value(std::string_view text) {
  const auto mode = whole<std::uint32_t>(text, 8);
  if (!mode || *mode > 0777) return std::nullopt;
  return mode;
}

std::optional<std::chrono::seconds> duration_value(std::string_view text) {
  constexpr std::uint64_t kMax = 10ull * 366 * 86400;
  if (const auto seconds = whole<std::uint64_t>(text))
    return *seconds <= kMax ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt;
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto count = whole<std::uint64_t>(text.substr(0, digits));
    const auto unit = digits < text.size() ? seconds_of(text[digits]) : std::nullopt;
    if (!count || !unit || *count > kMax / *unit) return std::nullopt;
    total += *count * *unit;
    if (total > kMax) return std::nullopt;
    text.remove_prefix(digits + 1);
  }
  return std::chrono::seconds(total);
}

std::string grouped(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

}  // namespace shoal::csi
