// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Texts of attributes and options as values. Pure; nothing when a text is not of the form.

namespace shoal::csi {

[[nodiscard]] std::string_view trimmed(std::string_view text);
// What stands between white space.
[[nodiscard]] std::vector<std::string> words(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);
// Lower case, without '-' and '_': cache-size, cache_size and cacheSize are one name.
[[nodiscard]] std::string plain_name(std::string_view text);

[[nodiscard]] std::optional<bool> bool_value(std::string_view text);  // true, 1, yes, on; false...
[[nodiscard]] std::optional<std::uint32_t> number_value(std::string_view text);
[[nodiscard]] std::optional<double> rate_value(std::string_view text);  // finite, not negative
// "022" -> 022; at most 0777.
[[nodiscard]] std::optional<std::uint32_t> mode_value(std::string_view text);
// "90" (seconds), "45s", "30m", "1h30m", "2d"; at most ten years.
[[nodiscard]] std::optional<std::chrono::seconds> duration_value(std::string_view text);

// "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);

// How many letters one has to insert, remove or replace; for "did you mean".
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace shoal::csi
