// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"

// AWS Signature Version 4 (and, with its own words, OSS's V4 in ../oss/). Pure functions of their
// arguments: the client signs with them and the dev bucket checks with them.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html

namespace shoal::store::s3 {

using NameValue = std::pair<std::string, std::string>;

struct SigningInput {
  std::string_view method;         // "GET"
  std::string_view path;           // already percent-encoded, as sent
  std::vector<NameValue> query;    // decoded names and values, any order
  std::vector<NameValue> headers;  // those to sign, any order and case; must include host
  std::string_view payload_hash;   // hex sha256 or UNSIGNED-PAYLOAD
};
struct SigningScope {
  std::string_view access_key;
  std::string_view region;
  std::string_view service = "s3";
  std::string_view timestamp;  // YYYYMMDDTHHMMSSZ
};

[[nodiscard]] std::string canonical_request(const SigningInput& input);
[[nodiscard]] std::string signed_headers(const SigningInput& input);  // "host;x-amz-date"
[[nodiscard]] std::string string_to_sign(std::string_view canonical, const SigningScope& scope);
// 32 bytes; may be kept for a day.
[[nodiscard]] std::string signing_key(const Secret& secret_key, const SigningScope& scope);
[[nodiscard]] std::string signature(std::string_view key, std::string_view to_sign);  // hex
// Value of the Authorization header.
[[nodiscard]] std::string authorization(const SigningInput& input, const SigningScope& scope,
                                        std::string_view key);
[[nodiscard]] std::string format_timestamp(WallTime time);  // YYYYMMDDTHHMMSSZ

}  // namespace shoal::store::s3
