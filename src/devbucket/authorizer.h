// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "devbucket/api_error.h"
#include "devbucket/chunked_decoder.h"
#include "devbucket/key_ring.h"
#include "devbucket/request.h"

namespace shoal::devbucket {

struct AuthorizerOptions {
  // No keys and no file: only unsigned requests are accepted, and all of those.
  std::vector<AccessKey> keys;
  std::string keys_file;  // more keys, read again when it changes; empty: none
  bool allow_anonymous_read = false;
  std::string region;  // empty: any
};

// What a request proved, and what its body must still prove.
struct Identity {
  std::string payload_hash;            // of the body in hex, or a word that says there is none
  std::optional<ChunkSigning> chunks;  // for bodies in signed chunks
};

// Checks signatures: AWS V4 and OSS V4 and V1, in headers and in URLs. synchronized.
class Authorizer {
 public:
  explicit Authorizer(AuthorizerOptions options)
      : options_(std::move(options)), ring_(options_.keys, options_.keys_file) {}

  // `now`: the server's idea of the time, in seconds since 1970.
  [[nodiscard]] ApiResult<Identity> check(const Request& request, std::int64_t now_seconds) const;

 private:
  struct Claim;  // what a request says about its signature, whatever its form
  [[nodiscard]] ApiResult<Identity> check_anonymous(const Request& request) const;
  [[nodiscard]] ApiResult<Identity> check_aws(const Request& request, std::int64_t now) const;
  [[nodiscard]] ApiResult<Identity> check_oss_v4(const Request& request, std::int64_t now) const;
  [[nodiscard]] ApiResult<Identity> check_oss_v1(const Request& request, std::int64_t now) const;
  [[nodiscard]] static ApiResult<const AccessKey*> find_key(const KeySet& keys, std::string_view id,
                                                            std::string_view token,
                                                            Dialect dialect);
  [[nodiscard]] ApiResult<void> check_time(const Claim& claim, std::int64_t now) const;
  [[nodiscard]] ApiResult<void> check_scope(const Claim& claim, Dialect dialect) const;
  [[nodiscard]] std::string signing_key(const AccessKey& key, const Claim& claim,
                                        Dialect dialect) const;

  const AuthorizerOptions options_;
  mutable KeyRing ring_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::string> signing_keys_;  // guarded by mutex_
};

}  // namespace shoal::devbucket
