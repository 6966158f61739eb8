// SPDX-License-Identifier: Apache-2.0
#include "devbucket/byte_range.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace shoal::devbucket {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

ByteRange parse_range(std::string_view header, std::uint64_t object_bytes, RangeRules rules) {
  const ByteRange whole{RangeKind::whole, 0, object_bytes};
  const ByteRange late =
      rules == RangeRules::oss_lenient ? whole : ByteRange{RangeKind::unsatisfiable, 0, 0};
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return whole;
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view first_text = header.substr(0, dash);
  const std::string_view last_text = header.substr(dash + 1);
  if (first_text.empty()) {  // the last N bytes
    const auto count = number(last_text);
    if (!count) return whole;
    if (*count == 0 || object_bytes == 0) return late;
    if (*count > object_bytes && rules == RangeRules::oss_lenient) return whole;
    const std::uint64_t length = std::min(*count, object_bytes);
    return {RangeKind::part, object_bytes - length, length};
  }
  const auto first = number(first_text);
  const auto last = last_text.empty() ? std::optional(std::numeric_limits<std::uint64_t>::max())
                                      : number(last_text);
  if (!first || !last || *last < *first) return whole;
  if (*first >= object_bytes) return late;
  const bool ends_late = !last_text.empty() && *last >= object_bytes;
  if (ends_late && rules == RangeRules::oss_lenient) return whole;
  const std::uint64_t end = std::min(*last, object_bytes - 1) + 1;
  return {RangeKind::part, *first, end - *first};
}

}  // namespace shoal::devbucket
