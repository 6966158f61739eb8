// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace shoal {

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

bool parse_bytes(std::string_view text, std::uint64_t& bytes) {
  double number = 0;
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || !(number >= 0)) return false;
  std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  std::uint64_t factor = 1;
  if (!unit.empty()) {
    static constexpr std::string_view kLetters = "kmgtp";
    const char letter = static_cast<char>(unit[0] | 0x20);
    const auto power = kLetters.find(letter);
    if (power != std::string_view::npos) {
      factor = 1ull << (10 * (power + 1));
      unit.remove_prefix(1);
      if (!unit.empty() && unit[0] == 'i') unit.remove_prefix(1);
    }
    if (!unit.empty() && (unit[0] == 'b' || unit[0] == 'B')) unit.remove_prefix(1);
    if (!unit.empty()) return false;
  }
  const double total = number * static_cast<double>(factor);
  if (total >= 0x1.0p63) return false;
  bytes = static_cast<std::uint64_t>(total);
  return true;
}

}  // namespace shoal
