// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "store/open.h"

namespace shoal::store {

struct Credentials {
  std::string access_key;
  Secret secret_key;
  Secret session_token;  // empty when there is none
  std::string source;    // "environment", "profile default in ~/.aws/credentials", for messages
  std::int64_t expire_at = 0;  // seconds since 1970, for monitoring; 0: not said, or never
};

// Everything the search looks at, so that tests need no real environment.
struct CredentialSources {
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::filesystem::path home;
  [[nodiscard]] static CredentialSources of_process();
};

// S3: explicit file, environment (AWS_*), ~/.aws/credentials and ~/.aws/config (profile,
// AWS_PROFILE, default). OSS: explicit file, environment (OSS_*, then ALIBABA_CLOUD_*),
// ~/.ossutilconfig. With sign_requests off: an empty optional (anonymous). Nothing found:
// ErrorCode::permission, listing the places looked at.
[[nodiscard]] Result<std::optional<Credentials>> find_credentials(Scheme scheme,
                                                                  const StoreConfig& config,
                                                                  const CredentialSources& sources);

// When the keys that would be found now end, in seconds since 1970: those of a file that was
// written anew count before they are used. 0: not known, or never. Reads small files.
[[nodiscard]] std::int64_t keys_expire_at(Scheme scheme, const StoreConfig& config,
                                          const CredentialSources& sources);

// Endpoint and region from the same places when the config leaves them empty.
[[nodiscard]] StoreConfig complete_config(Scheme scheme, StoreConfig config,
                                          const CredentialSources& sources);

}  // namespace shoal::store
