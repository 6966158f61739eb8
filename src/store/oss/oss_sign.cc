// SPDX-License-Identifier: Apache-2.0
#include "store/oss/oss_sign.h"

#include <algorithm>
#include <array>

#include "store/encoding.h"

namespace shoal::store::oss {
namespace {

// Query names that are part of the V1 resource, besides x-oss-*. Everything else (list-type,
// prefix, delimiter, start-after, max-keys, encoding-type) is not signed. Source: the Go SDK's
// signer/v1.go; resourceGroup is added by its bucket API.
constexpr std::array<std::string_view, 31> kV1Resources = {"acl",
                                                           "append",
                                                           "bucketInfo",
                                                           "callback",
                                                           "callback-var",
                                                           "cloudboxes",
                                                           "continuation-token",
                                                           "delete",
                                                           "location",
                                                           "objectMeta",
                                                           "partNumber",
                                                           "position",
                                                           "regionList",
                                                           "resourceGroup",
                                                           "response-cache-control",
                                                           "response-content-disposition",
                                                           "response-content-encoding",
                                                           "response-content-language",
                                                           "response-content-type",
                                                           "response-expires",
                                                           "restore",
                                                           "security-token",
                                                           "sequential",
                                                           "stat",
                                                           "symlink",
                                                           "tagging",
                                                           "uploadId",
                                                           "uploads",
                                                           "versionId",
                                                           "versioning",
                                                           "versions"};
static_assert(std::ranges::is_sorted(kV1Resources));

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_oss_name(std::string_view name) {
  return name.starts_with("x-oss-");
}
bool is_signed_by_default(std::string_view name) {
  return is_oss_name(name) || name == "content-type" || name == "content-md5";
}

// Headers with lower-case names, sorted; values of the same name joined by a comma.
std::vector<NameValue> sorted_headers(const SigningInput& input) {
  std::vector<NameValue> headers;
  headers.reserve(input.headers.size());
  for (const auto& [name, value] : input.headers) headers.emplace_back(lower(name), trimmed(value));
  std::ranges::stable_sort(headers, {}, &NameValue::first);
  std::vector<NameValue> joined;
  joined.reserve(headers.size());
  for (auto& header : headers) {
    if (!joined.empty() && joined.back().first == header.first)
      joined.back().second += "," + header.second;
    else
      joined.push_back(std::move(header));
  }
  return joined;
}

std::string_view value_of(const std::vector<NameValue>& headers, std::string_view name) {
  for (const auto& header : headers)
    if (header.first == name) return header.second;
  return {};
}

// The additional headers that count: sent, and not signed anyway.
std::vector<std::string> additional_names(const SigningInput& input,
                                          const std::vector<NameValue>& headers) {
  std::vector<std::string> names;
  for (const auto& raw : input.additional_headers) {
    std::string name = lower(raw);
    const bool sent = std::ranges::any_of(headers, [&](const auto& h) { return h.first == name; });
    if (sent && !is_signed_by_default(name)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

std::string joined_names(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) {
    if (!text.empty()) text += ';';
    text += name;
  }
  return text;
}

void append_query(std::string& text, const std::vector<NameValue>& query) {
  std::vector<NameValue> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query)
    encoded.emplace_back(percent_encode(name, false), percent_encode(value, false));
  std::ranges::sort(encoded);
  bool first = true;
  for (const auto& [name, value] : encoded) {
    if (!first) text += '&';
    first = false;
    text += name;
    if (value.empty()) continue;  // unlike AWS: no '='
    text += '=';
    text += value;
  }
}

std::string scope_text(const SigningScope& scope) {
  std::string text(scope.timestamp.substr(0, 8));
  for (const std::string_view part :
       {scope.region, scope.product, std::string_view("aliyun_v4_request")}) {
    text += '/';
    text += part;
  }
  return text;
}

std::string resource_path(const SigningInput& input) {
  std::string path = "/";
  if (input.bucket.empty()) return path;
  path += input.bucket;
  path += '/';
  path += input.key;
  return path;
}

}  // namespace

std::string v4_canonical_request(const SigningInput& input) {
  const auto headers = sorted_headers(input);
  const auto additional = additional_names(input, headers);
  std::string text;
  text.reserve(512);
  text += input.method;
  text += '\n';
  text += percent_encode(resource_path(input), true);
  text += '\n';
  append_query(text, input.query);
  text += '\n';
  for (const auto& [name, value] : headers) {
    if (!is_signed_by_default(name) && !std::ranges::binary_search(additional, name)) continue;
    text += name;
    text += ':';
    text += value;
    text += '\n';
  }
  text += '\n';
  text += joined_names(additional);
  text += '\n';
  const std::string_view payload = value_of(headers, "x-oss-content-sha256");
  text += payload.empty() ? std::string_view("UNSIGNED-PAYLOAD") : payload;
  return text;
}

std::string v4_string_to_sign(std::string_view canonical, const SigningScope& scope) {
  std::string text = "OSS4-HMAC-SHA256\n";
  text += scope.timestamp;
  text += '\n';
  text += scope_text(scope);
  text += '\n';
  text += hex(sha256(canonical));
  return text;
}

std::string v4_signing_key(const Secret& secret_key, const SigningScope& scope) {
  std::string seed = "aliyun_v4";
  seed += secret_key.reveal();
  const Secret wiped(std::move(seed));
  std::string key = hmac_sha256(wiped.reveal(), scope.timestamp.substr(0, 8));
  key = hmac_sha256(key, scope.region);
  key = hmac_sha256(key, scope.product);
  return hmac_sha256(key, "aliyun_v4_request");
}

std::string v4_signature(const Secret& secret_key, const SigningScope& scope,
                         std::string_view to_sign) {
  return hex(hmac_sha256(v4_signing_key(secret_key, scope), to_sign));
}

std::string v4_authorization(const SigningInput& input, const SigningScope& scope,
                             const Secret& secret_key) {
  return v4_authorization_with_key(input, scope, v4_signing_key(secret_key, scope));
}

std::string v4_authorization_with_key(const SigningInput& input, const SigningScope& scope,
                                      std::string_view key) {
  std::string text = "OSS4-HMAC-SHA256 Credential=";
  text += scope.access_key;
  text += '/';
  text += scope_text(scope);
  if (const auto names = additional_names(input, sorted_headers(input)); !names.empty())
    text += ",AdditionalHeaders=" + joined_names(names);
  text += ",Signature=";
  text += hex(hmac_sha256(key, v4_string_to_sign(v4_canonical_request(input), scope)));
  return text;
}

std::string v1_string_to_sign(const SigningInput& input, std::string_view date) {
  const auto headers = sorted_headers(input);
  std::string text(input.method);
  for (const std::string_view line :
       {value_of(headers, "content-md5"), value_of(headers, "content-type"), date}) {
    text += '\n';
    text += line;
  }
  text += '\n';
  for (const auto& [name, value] : headers)
    if (is_oss_name(name)) text += name + ":" + value + "\n";
  text += resource_path(input);
  std::vector<NameValue> resources;
  for (const auto& parameter : input.query)
    if (is_oss_name(parameter.first) || std::ranges::binary_search(kV1Resources, parameter.first))
      resources.push_back(parameter);
  std::ranges::sort(resources);
  char separator = '?';
  for (const auto& [name, value] : resources) {
    text += separator;
    text += name;
    if (!value.empty()) text += "=" + value;
    separator = '&';
  }
  return text;
}

std::string v1_signature(const Secret& secret_key, std::string_view to_sign) {
  return base64(hmac_sha1(secret_key.reveal(), to_sign));
}

std::string v1_authorization(const SigningInput& input, std::string_view access_key,
                             const Secret& secret_key, std::string_view date) {
  std::string text = "OSS ";
  text += access_key;
  text += ':';
  text += v1_signature(secret_key, v1_string_to_sign(input, date));
  return text;
}

}  // namespace shoal::store::oss
