// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "store/s3/sigv4.h"

// OSS signatures, V4 (OSS4-HMAC-SHA256) and V1 (HMAC-SHA1). Pure; used by client and dev bucket.
// Source: https://www.alibabacloud.com/help/en/oss/developer-reference/signature-version-4

namespace shoal::store::oss {

using s3::NameValue;

struct SigningInput {
  std::string_view method;
  std::string_view bucket;                      // empty for the service itself
  std::string_view key;                         // raw bytes, empty for the bucket itself
  std::vector<NameValue> query;                 // decoded
  std::vector<NameValue> headers;               // all headers of the request
  std::vector<std::string> additional_headers;  // V4: further header names to sign
};
struct SigningScope {
  std::string_view access_key;
  std::string_view region;  // "cn-hangzhou"
  std::string_view product = "oss";
  std::string_view timestamp;  // YYYYMMDDTHHMMSSZ
};

[[nodiscard]] std::string v4_canonical_request(const SigningInput& input);
[[nodiscard]] std::string v4_string_to_sign(std::string_view canonical, const SigningScope& scope);
[[nodiscard]] std::string v4_signature(const Secret& secret_key, const SigningScope& scope,
                                       std::string_view to_sign);  // hex
[[nodiscard]] std::string v4_authorization(const SigningInput& input, const SigningScope& scope,
                                           const Secret& secret_key);
// The same with the derived key, which may be kept for a day: 32 bytes.
[[nodiscard]] std::string v4_signing_key(const Secret& secret_key, const SigningScope& scope);
[[nodiscard]] std::string v4_authorization_with_key(const SigningInput& input,
                                                    const SigningScope& scope,
                                                    std::string_view key);

// `date`: value of the Date header (or x-oss-date when that is sent).
[[nodiscard]] std::string v1_string_to_sign(const SigningInput& input, std::string_view date);
[[nodiscard]] std::string v1_signature(const Secret& secret_key,
                                       std::string_view to_sign);  // base64
[[nodiscard]] std::string v1_authorization(const SigningInput& input, std::string_view access_key,
                                           const Secret& secret_key, std::string_view date);

}  // namespace shoal::store::oss
