// SPDX-License-Identifier: Apache-2.0
#include "csi/volume_secrets.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "agent/limits.h"
#include "csi/attribute_values.h"

namespace shoal::csi {
namespace {

struct Family {
  std::string_view id;
  std::string_view secret;
  std::string_view token;
  std::string_view shown;  // the pair as its owners write it
};
// Plain names. key_id stands before access_key: where there is a key_id, access_key is the secret.
constexpr std::array<Family, 9> kFamilies{{
    {"akid", "aksecret", "securitytoken", "akId and akSecret"},
    {"accesskeyid", "accesskeysecret", "securitytoken", "AccessKeyId and AccessKeySecret"},
    {"accesskeyid", "secretaccesskey", "sessiontoken", "AccessKeyId and SecretAccessKey"},
    {"awsaccesskeyid", "awssecretaccesskey", "awssessiontoken",
     "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
    {"ossaccesskeyid", "ossaccesskeysecret", "osssessiontoken",
     "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET"},
    {"alibabacloudaccesskeyid", "alibabacloudaccesskeysecret", "alibabacloudsecuritytoken",
     "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
    {"keyid", "accesskey", "sessiontoken", "key_id and access_key"},
    {"accesskey", "secretkey", "sessiontoken", "access_key and secret_key"},
    {"accesskey", "secret", "token", "access_key and secret"},
}};

// Who uses one spelling of a pair may use another's of the token.
constexpr std::array<std::string_view, 6> kTokens{"securitytoken",
                                                  "sessiontoken",
                                                  "awssessiontoken",
                                                  "osssessiontoken",
                                                  "alibabacloudsecuritytoken",
                                                  "token"};

bool can_be_key(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

// By plain name; empty values left out.
StringMap by_plain_name(const StringMap& secrets) {
  StringMap found;
  for (const auto& [name, value] : secrets) {
    const std::string_view text = trimmed(value);
    // The exact spelling wins over others that have the same plain name.
    if (!text.empty() && (name == "akId" || name == "akSecret"))
      found[plain_name(name)] = text;
    else if (!text.empty())
      found.emplace(plain_name(name), text);
  }
  return found;
}

std::string find(const StringMap& map, std::string_view name) {
  const auto at = map.find(std::string(name));
  return at == map.end() ? std::string() : at->second;
}

Result<agent::Keys> keys_of(const Family& family, const StringMap& found) {
  std::string token = find(found, family.token);
  for (const std::string_view name : kTokens)
    if (token.empty()) token = find(found, name);
  agent::Keys keys{find(found, family.id), Secret(find(found, family.secret)), Secret(token)};
  // Only looked at by monitoring: one that is none is no reason to refuse the keys.
  for (const std::string_view name : {"expiration", "awscredentialexpiration"}) {
    const std::string text = find(found, name);
    if (keys.expiration.empty() && text.size() <= agent::limits::kExpirationBytesMax &&
        can_be_key(text))
      keys.expiration = text;
  }
  for (const std::string_view text :
       {std::string_view(keys.access_key), keys.secret_key.reveal(), keys.session_token.reveal()})
    if (!can_be_key(text))
      return fail(ErrorCode::bad_input,
                  "the Secret's " + std::string(family.shown) +
                      " have characters that no key has (spaces, line ends, control characters)",
                  "Check how the Secret was made: `data` is base64 of the bare key, `stringData` "
                  "the key itself.");
  return keys;
}

}  // namespace

Result<std::optional<agent::Keys>> find_keys(const StringMap& secrets,
                                             std::vector<std::string>* names_unknown) {
  const StringMap found = by_plain_name(secrets);
  for (const Family& family : kFamilies) {
    if (find(found, family.id).empty() || find(found, family.secret).empty()) continue;
    SHOAL_TRY(auto keys, keys_of(family, found));
    return std::optional(std::move(keys));
  }
  for (const Family& family : kFamilies) {
    const bool id = !find(found, family.id).empty();
    if (!id && find(found, family.secret).empty()) continue;
    return fail(ErrorCode::bad_input,
                "the Secret has only " + std::string(id ? "the first" : "the second") + " of " +
                    std::string(family.shown),
                "Put both into it, or neither.");
  }
  if (names_unknown != nullptr)
    for (const auto& [name, value] : secrets)
      if (!name.starts_with("csi.storage.k8s.io/")) names_unknown->push_back(name);
  return std::optional<agent::Keys>();
}

}  // namespace shoal::csi
