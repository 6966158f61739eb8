// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

// Percent-encoding, hashes and dates as the object services write them. Pure.

namespace shoal::store {

// Encodes every byte but A-Z a-z 0-9 - . _ ~ (RFC 3986), upper-case hex; `keep_slash` also keeps
// '/'.
[[nodiscard]] std::string percent_encode(std::string_view raw, bool keep_slash);
// Decodes %XX, and '+' as space when `plus_is_space`; a broken escape stays as it is.
[[nodiscard]] std::string percent_decode(std::string_view encoded, bool plus_is_space);

[[nodiscard]] std::string hex(std::string_view raw);                                 // lower case
[[nodiscard]] std::string sha256(std::string_view data);                             // 32 bytes
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view data);  // 32 bytes
[[nodiscard]] std::string hmac_sha1(std::string_view key, std::string_view data);    // 20 bytes
[[nodiscard]] std::string md5(std::string_view data);                                // 16 bytes

// MD5 of bytes that come in pieces. confined.
class Md5 {
 public:
  Md5();
  Md5(Md5&& other) noexcept;
  Md5& operator=(Md5&& other) noexcept;
  ~Md5();
  void add(ByteSpan bytes);
  [[nodiscard]] std::string finish_hex();  // lower case; the last call

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] std::string base64(std::string_view raw);
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

// "Sat, 16 Dec 2023 16:20:57 GMT", in headers.
[[nodiscard]] std::string format_http_date(WallTime time);
[[nodiscard]] std::optional<WallTime> parse_http_date(std::string_view text);
// "2023-12-16T16:20:57.000Z", in list pages; the fraction is dropped. Seconds since 1970.
[[nodiscard]] std::optional<std::int64_t> parse_iso_date(std::string_view text);

}  // namespace shoal::store
