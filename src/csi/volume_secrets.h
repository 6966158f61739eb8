// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/volume_spec.h"
#include "base/result.h"

namespace shoal::csi {

using StringMap = std::map<std::string, std::string>;

// Finds the keys in a Secret. Names, without regard to case, '-' and '_', first found first taken:
//
//   id                            secret                            token
//   akId (exactly)                akSecret (exactly)                SecurityToken
//   AccessKeyId                   AccessKeySecret                   SecurityToken
//   AccessKeyId                   SecretAccessKey                   SessionToken
//   AWS_ACCESS_KEY_ID             AWS_SECRET_ACCESS_KEY             AWS_SESSION_TOKEN
//   OSS_ACCESS_KEY_ID             OSS_ACCESS_KEY_SECRET             OSS_SESSION_TOKEN
//   ALIBABA_CLOUD_ACCESS_KEY_ID   ALIBABA_CLOUD_ACCESS_KEY_SECRET   ALIBABA_CLOUD_SECURITY_TOKEN
//   key_id                        access_key                        session_token
//   access_key                    secret_key                        session_token
//
// Expiration, or AWS_CREDENTIAL_EXPIRATION, beside them says when they end, "2026-01-02T03:04:05Z".
//
// Nothing when there are none of these. Values are trimmed, empty ones ignored. bad_input: half a
// pair, or a key that no service hands out (spaces, control characters); no message holds a value.
// `names_unknown` gets the names nobody knows when nothing was found.
[[nodiscard]] Result<std::optional<agent::Keys>> find_keys(
    const StringMap& secrets, std::vector<std::string>* names_unknown = nullptr);

}  // namespace shoal::csi
