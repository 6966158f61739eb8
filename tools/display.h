// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// How values look to a person. Pure.

namespace shoal::tools {

// 1234567: "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t number);

// Keys may hold line ends and control bytes, which a terminal must not obey: "a\x0ab".
[[nodiscard]] std::string printable(std::string_view raw);

// Seconds since 1970 as "2026-01-02 03:04:05 UTC".
[[nodiscard]] std::string utc_text(std::int64_t seconds);

// "90 s", "45 min", "30 h", "12 days".
[[nodiscard]] std::string duration_text(std::uint64_t seconds);

}  // namespace shoal::tools
