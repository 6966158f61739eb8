// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

// Percent-encoding, hashes and dates as the object services write them. Pure.

namespace shoal::store {

// Encodes every byte but A-Z a-z 0-9 - . _ ~ (RFC 3986), upper-case hex; `keep_slash` also keeps '/'.
[[nodiscard]] std::string percent_encode(std::string_view raw, bool keep_slash);
// Decodes %XX, and '+' as space when `plus_is_space`; a broken escape stays as it is.
[[nodiscard]] std::string percent_decode(std::string_view encoded, bool plus_is_space);

[[nodiscard]] std::string hex(std::string_view raw);       // lower case
[[nodiscard]] std::string sha256(std::string_view data);   // 32 bytes
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view data);  // 32 bytes
[[nodiscard]] std::string hmac_sha1(std::string_view key, std::string_view data);    // 20 bytes
[[nodiscard]] std::string md5(std::string_view data);      // 16 bytes
[[nodiscard]] std::string base64(std::string_view raw);

}  // namespace shoal::store
