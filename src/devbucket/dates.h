// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Dates as HTTP headers, XML answers and signatures write them; all times are whole seconds since
// 1970. Pure.

namespace shoal::devbucket {

// "Wed, 21 Oct 2015 07:28:00 GMT", appended.
void append_http_date(std::string& text, std::int64_t seconds);
// "2015-10-21T07:28:00.000Z", appended.
void append_iso_date(std::string& text, std::int64_t seconds);
// "20151021T072800Z"
[[nodiscard]] std::optional<std::int64_t> parse_basic_date(std::string_view text);
// The preferred form of HTTP dates (RFC 9110), as above.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace shoal::devbucket
