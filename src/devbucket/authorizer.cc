// SPDX-License-Identifier: Apache-2.0
#include "devbucket/authorizer.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "devbucket/dates.h"
#include "devbucket/xml.h"
#include "store/encoding.h"
#include "store/oss/oss_sign.h"
#include "store/s3/sigv4.h"

namespace shoal::devbucket {

struct Authorizer::Claim {
  std::string_view access_key;
  std::string_view date;  // of the scope, "20130524"
  std::string_view region;
  std::string_view service;
  std::string_view terminator;
  std::string_view signed_headers;
  std::string_view signature;
  std::string_view timestamp;
  std::optional<std::int64_t> expires_seconds;  // of a signed URL
  bool is_url = false;
};

namespace {

constexpr std::int64_t kSkewMaxSeconds = 15 * 60;
constexpr std::int64_t kExpiresMaxSeconds = 7 * 86'400;
constexpr std::size_t kSigningKeysMax = 64;
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";

bool is_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

std::string_view param(const Request& request, std::string_view name) {
  const std::string* value = request.param(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_reading(const Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

std::unexpected<ApiError> refuse_malformed(std::string message) {
  return refuse(400, "AuthorizationHeaderMalformed", std::move(message));
}

std::unexpected<ApiError> refuse_mismatch(std::string_view to_sign, std::string_view canonical) {
  ApiError error{403,
                 "SignatureDoesNotMatch",
                 "The request signature we calculated does not match the signature you provided. "
                 "Check your key and signing method.",
                 {},
                 {}};
  append_element(error.elements, "StringToSign", to_sign);
  if (!canonical.empty()) append_element(error.elements, "CanonicalRequest", canonical);
  return refuse(std::move(error));
}

std::unexpected<ApiError> refuse_expired(Dialect dialect) {
  if (dialect == Dialect::oss)
    return refuse(403, "SecurityTokenExpired", "The security token you provided has expired.");
  return refuse(400, "ExpiredToken", "The provided token has expired.");
}

// A signature that the present secret did not make was made by an earlier one, or by nobody we
// know. `is_signed_with` tells for one key.
ApiResult<void> check_signature(const KeySet& keys, const AccessKey& key, Dialect dialect,
                                const auto& is_signed_with, const auto& refuse_other) {
  if (is_signed_with(key)) return {};
  for (const AccessKey& old : keys.retired)
    if (old.id == key.id && old.token.reveal() == key.token.reveal() && is_signed_with(old))
      return refuse_expired(dialect);
  return refuse_other();
}

// "AK/20130524/us-east-1/s3/aws4_request"
void split_credential(std::string_view credential, auto& claim) {
  claim.access_key = take(credential, '/');
  claim.date = take(credential, '/');
  claim.region = take(credential, '/');
  claim.service = take(credential, '/');
  claim.terminator = credential;
}

// "Credential=..., SignedHeaders=..., Signature=..." with or without the spaces.
void split_authorization(std::string_view text, auto& claim) {
  while (!text.empty()) {
    std::string_view item = take(text, ',');
    while (item.starts_with(' ')) item.remove_prefix(1);
    const std::string_view name = take(item, '=');
    if (name == "Credential") split_credential(item, claim);
    if (name == "SignedHeaders" || name == "AdditionalHeaders") claim.signed_headers = item;
    if (name == "Signature") claim.signature = item;
  }
}

bool is_listed(std::string_view list, std::string_view name) {
  while (!list.empty())
    if (take(list, ';') == name) return true;
  return false;
}

std::vector<store::s3::NameValue> all_headers(const Request& request) {
  std::vector<store::s3::NameValue> headers;
  headers.reserve(request.headers.size());
  for (std::size_t i = 0; i < request.headers.size(); ++i)
    headers.emplace_back(request.headers.name(i), request.headers.value(i));
  return headers;
}

std::vector<store::s3::NameValue> query_without(const Request& request,
                                                std::initializer_list<std::string_view> names) {
  std::vector<store::s3::NameValue> query;
  for (const auto& parameter : request.query)
    if (std::ranges::find(names, parameter.first) == names.end()) query.push_back(parameter);
  return query;
}

// The headers a request signed. Every x-amz-* header must be among them: one that is not could have
// been added on the way.
ApiResult<std::vector<store::s3::NameValue>> signed_headers_of(const Request& request,
                                                               std::string_view list) {
  std::vector<store::s3::NameValue> headers;
  headers.reserve(request.headers.size());
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const std::string_view name = request.headers.name(i);
    if (is_listed(list, name))
      headers.emplace_back(name, request.headers.value(i));
    else if (name.starts_with("x-amz-") && name != "x-amz-content-sha256")
      return refuse(
          403, "AccessDenied",
          "There were headers present in the request which were not signed: " + std::string(name));
  }
  if (!is_listed(list, "host")) return refuse_malformed("The host header must be signed.");
  return headers;
}

}  // namespace

ApiResult<Identity> Authorizer::check(const Request& request, std::int64_t now_seconds) const {
  const std::string_view authorization = request.headers.find("authorization");
  if (authorization.starts_with("AWS4-HMAC-SHA256") || request.has_param("X-Amz-Algorithm"))
    return check_aws(request, now_seconds);
  if (authorization.starts_with("OSS4-HMAC-SHA256") || request.has_param("x-oss-signature-version"))
    return check_oss_v4(request, now_seconds);
  if (authorization.starts_with("OSS ") || request.has_param("OSSAccessKeyId"))
    return check_oss_v1(request, now_seconds);
  if (!authorization.empty() || request.has_param("AWSAccessKeyId"))
    return refuse(400, "InvalidRequest",
                  "The authorization mechanism you have provided is not supported. Please use "
                  "AWS4-HMAC-SHA256.");
  return check_anonymous(request);
}

ApiResult<Identity> Authorizer::check_anonymous(const Request& request) const {
  if (ring_.has_keys() && !(options_.allow_anonymous_read && is_reading(request)))
    return refuse(403, "AccessDenied", "Anonymous access is forbidden for this operation.");
  Identity identity;
  identity.payload_hash = request.headers.find("x-amz-content-sha256");
  return identity;
}

ApiResult<const AccessKey*> Authorizer::find_key(const KeySet& keys, std::string_view id,
                                                 std::string_view token, Dialect dialect) {
  const auto find_in = [&](const std::vector<AccessKey>& list) {
    return std::ranges::find_if(list, [&](const AccessKey& key) {
      return key.id == id && is_equal(key.token.reveal(), token);
    });
  };
  if (const auto key = find_in(keys.valid); key != keys.valid.end()) return &*key;
  if (find_in(keys.retired) != keys.retired.end()) return refuse_expired(dialect);
  if (std::ranges::find(keys.valid, id, &AccessKey::id) == keys.valid.end())
    return refuse(403, "InvalidAccessKeyId",
                  "The access key id you provided does not exist in our records.");
  if (dialect == Dialect::oss)
    return refuse(403, "InvalidSecurityToken", "The security token you provided is invalid.");
  return refuse(400, "InvalidToken", "The provided token is malformed or otherwise invalid.");
}

ApiResult<void> Authorizer::check_time(const Claim& claim, std::int64_t now) const {
  const auto time = parse_basic_date(claim.timestamp);
  if (!time) return refuse(403, "AccessDenied", "The date of the signature is missing or invalid.");
  if (!claim.timestamp.starts_with(claim.date))
    return refuse_malformed("The date in the credential scope is not the date of the request.");
  if (claim.expires_seconds) {
    if (*claim.expires_seconds < 1 || *claim.expires_seconds > kExpiresMaxSeconds)
      return refuse(400, "AuthorizationQueryParametersError",
                    "The time to expiry must be between 1 second and 7 days.");
    if (now > *time + *claim.expires_seconds)
      return refuse(403, "AccessDenied", "Request has expired");
  }
  const bool is_early = *time > now + kSkewMaxSeconds;
  const bool is_late = !claim.is_url && *time < now - kSkewMaxSeconds;
  if (!is_early && !is_late) return {};
  ApiError error{403,
                 "RequestTimeTooSkewed",
                 "The difference between the request time and the current time is too large.",
                 {},
                 {}};
  append_element(error.elements, "RequestTime", claim.timestamp);
  error.elements += "<ServerTime>";
  append_iso_date(error.elements, now);
  error.elements += "</ServerTime><MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>";
  return refuse(std::move(error));
}

ApiResult<void> Authorizer::check_scope(const Claim& claim, Dialect dialect) const {
  const std::string_view terminator =
      dialect == Dialect::oss ? "aliyun_v4_request" : "aws4_request";
  const bool is_service = dialect == Dialect::oss
                              ? claim.service == "oss" || claim.service == "oss-cloudbox"
                              : claim.service == "s3";
  if (claim.access_key.empty() || claim.signature.empty() || claim.terminator != terminator ||
      !is_service)
    return refuse_malformed("The credential scope or the signature is missing or malformed.");
  if (options_.region.empty() || claim.region == options_.region) return {};
  ApiError error{400,
                 "AuthorizationHeaderMalformed",
                 "The authorization header is malformed; the region '" + std::string(claim.region) +
                     "' is wrong; expecting '" + options_.region + "'",
                 {},
                 {}};
  if (dialect == Dialect::oss) {
    error.code = "InvalidArgument";
    error.message = "Invalid signing region in Authorization header.";
  }
  append_element(error.elements, "Region", options_.region);
  return refuse(std::move(error));
}

std::string Authorizer::signing_key(const AccessKey& key, const Claim& claim,
                                    Dialect dialect) const {
  std::string name = std::to_string(key.serial);
  for (const std::string_view part : {claim.date, claim.region, claim.service}) {
    name += '/';
    name += part;
  }
  name += dialect == Dialect::oss ? "/oss" : "/aws";
  const std::lock_guard lock(mutex_);
  if (const auto found = signing_keys_.find(name); found != signing_keys_.end())
    return found->second;
  // A client may name any region, so the number of keys has no bound of its own.
  if (signing_keys_.size() >= kSigningKeysMax) signing_keys_.clear();
  std::string made = dialect == Dialect::oss
                         ? store::oss::v4_signing_key(key.secret, {.access_key = key.id,
                                                                   .region = claim.region,
                                                                   .product = claim.service,
                                                                   .timestamp = claim.date})
                         : store::s3::signing_key(key.secret, {.access_key = key.id,
                                                               .region = claim.region,
                                                               .service = claim.service,
                                                               .timestamp = claim.date});
  return signing_keys_.emplace(std::move(name), std::move(made)).first->second;
}

ApiResult<Identity> Authorizer::check_aws(const Request& request, std::int64_t now) const {
  Claim claim;
  std::string_view token = request.headers.find("x-amz-security-token");
  Identity identity;
  identity.payload_hash = request.headers.find("x-amz-content-sha256");
  std::string_view authorization = request.headers.find("authorization");
  claim.is_url = authorization.empty();
  if (claim.is_url) {
    if (param(request, "X-Amz-Algorithm") != "AWS4-HMAC-SHA256")
      return refuse(400, "AuthorizationQueryParametersError", "X-Amz-Algorithm is not supported.");
    split_credential(param(request, "X-Amz-Credential"), claim);
    claim.signed_headers = param(request, "X-Amz-SignedHeaders");
    claim.signature = param(request, "X-Amz-Signature");
    claim.timestamp = param(request, "X-Amz-Date");
    claim.expires_seconds = number(param(request, "X-Amz-Expires")).value_or(0);
    if (request.has_param("X-Amz-Security-Token")) token = param(request, "X-Amz-Security-Token");
    if (identity.payload_hash.empty()) identity.payload_hash = kUnsigned;
  } else {
    authorization.remove_prefix(std::string_view("AWS4-HMAC-SHA256").size());
    split_authorization(authorization, claim);
    claim.timestamp = request.headers.find("x-amz-date");
    if (identity.payload_hash.empty())
      return refuse(400, "InvalidRequest", "Missing required header: x-amz-content-sha256");
  }
  if (auto scope = check_scope(claim, Dialect::s3); !scope) return refuse(std::move(scope).error());
  const auto keys = ring_.current();
  auto key = find_key(*keys, claim.access_key, token, Dialect::s3);
  if (!key) return refuse(std::move(key).error());
  if (auto time = check_time(claim, now); !time) return refuse(std::move(time).error());
  auto headers = signed_headers_of(request, claim.signed_headers);
  if (!headers) return refuse(std::move(headers).error());

  const std::string path = store::percent_encode(request.path, true);
  const store::s3::SigningInput input{.method = request.method,
                                      .path = path,
                                      .query = query_without(request, {"X-Amz-Signature"}),
                                      .headers = std::move(*headers),
                                      .payload_hash = identity.payload_hash};
  const store::s3::SigningScope scope{.access_key = claim.access_key,
                                      .region = claim.region,
                                      .service = claim.service,
                                      .timestamp = claim.timestamp};
  const std::string canonical = store::s3::canonical_request(input);
  const std::string to_sign = store::s3::string_to_sign(canonical, scope);
  const auto is_signed_with = [&](const AccessKey& with) {
    return is_equal(store::s3::signature(signing_key(with, claim, Dialect::s3), to_sign),
                    claim.signature);
  };
  const auto refuse_other = [&] { return refuse_mismatch(to_sign, canonical); };
  if (auto checked = check_signature(*keys, **key, Dialect::s3, is_signed_with, refuse_other);
      !checked)
    return refuse(std::move(checked).error());
  if (identity.payload_hash.starts_with("STREAMING-AWS4-HMAC-SHA256")) {
    const auto line = to_sign.find('\n', to_sign.find('\n') + 1) + 1;
    identity.chunks = ChunkSigning{
        signing_key(**key, claim, Dialect::s3), std::string(claim.timestamp),
        to_sign.substr(line, to_sign.find('\n', line) - line), std::string(claim.signature)};
  }
  return identity;
}

ApiResult<Identity> Authorizer::check_oss_v4(const Request& request, std::int64_t now) const {
  Claim claim;
  std::string_view authorization = request.headers.find("authorization");
  std::string_view token = request.headers.find("x-oss-security-token");
  std::string url_headers;
  claim.is_url = authorization.empty();
  if (claim.is_url) {
    split_credential(param(request, "x-oss-credential"), claim);
    claim.signed_headers = param(request, "x-oss-additional-headers");
    claim.signature = param(request, "x-oss-signature");
    claim.timestamp = param(request, "x-oss-date");
    claim.expires_seconds = number(param(request, "x-oss-expires")).value_or(0);
    token = param(request, "x-oss-security-token");
  } else {
    authorization.remove_prefix(std::string_view("OSS4-HMAC-SHA256").size());
    split_authorization(authorization, claim);
    claim.timestamp = request.headers.find("x-oss-date");
  }
  if (auto scope = check_scope(claim, Dialect::oss); !scope)
    return refuse(std::move(scope).error());
  const auto keys = ring_.current();
  auto key = find_key(*keys, claim.access_key, token, Dialect::oss);
  if (!key) return refuse(std::move(key).error());
  if (auto time = check_time(claim, now); !time) return refuse(std::move(time).error());

  store::oss::SigningInput input{.method = request.method,
                                 .bucket = request.bucket,
                                 .key = request.key,
                                 .query = query_without(request, {"x-oss-signature"}),
                                 .headers = all_headers(request),
                                 .additional_headers = {}};
  for (std::string_view list = claim.signed_headers; !list.empty();)
    input.additional_headers.emplace_back(take(list, ';'));
  const store::oss::SigningScope scope{.access_key = claim.access_key,
                                       .region = claim.region,
                                       .product = claim.service,
                                       .timestamp = claim.timestamp};
  const std::string canonical = store::oss::v4_canonical_request(input);
  const std::string to_sign = store::oss::v4_string_to_sign(canonical, scope);
  const auto is_signed_with = [&](const AccessKey& with) {
    const std::string signing = signing_key(with, claim, Dialect::oss);
    return is_equal(store::hex(store::hmac_sha256(signing, to_sign)), claim.signature);
  };
  const auto refuse_other = [&] { return refuse_mismatch(to_sign, canonical); };
  if (auto checked = check_signature(*keys, **key, Dialect::oss, is_signed_with, refuse_other);
      !checked)
    return refuse(std::move(checked).error());
  Identity identity;
  identity.payload_hash = request.headers.find("x-oss-content-sha256");
  return identity;
}

ApiResult<Identity> Authorizer::check_oss_v1(const Request& request, std::int64_t now) const {
  std::string_view authorization = request.headers.find("authorization");
  std::string_view date = request.headers.find("x-oss-date");
  if (date.empty()) date = request.headers.find("date");
  std::string_view token = request.headers.find("x-oss-security-token");
  std::string_view id;
  std::string_view signature;
  std::optional<std::int64_t> time = parse_http_date(date);
  if (!time) time = parse_basic_date(date);
  const bool is_url = authorization.empty();
  if (is_url) {
    id = param(request, "OSSAccessKeyId");
    signature = param(request, "Signature");
    date = param(request, "Expires");
    token = param(request, "security-token");
    time = number(date);
  } else {
    authorization.remove_prefix(std::string_view("OSS ").size());
    id = take(authorization, ':');
    signature = authorization;
  }
  const auto keys = ring_.current();
  auto key = find_key(*keys, id, token, Dialect::oss);
  if (!key) return refuse(std::move(key).error());
  if (!time) return refuse(403, "AccessDenied", "The date of the signature is missing or invalid.");
  if (is_url && now > *time) return refuse(403, "AccessDenied", "Request has expired.");
  if (!is_url && (*time > now + kSkewMaxSeconds || *time < now - kSkewMaxSeconds))
    return refuse(403, "RequestTimeTooSkewed",
                  "The difference between the request time and the current time is too large.");
  const store::oss::SigningInput input{
      .method = request.method,
      .bucket = request.bucket,
      .key = request.key,
      .query = query_without(request, {"Signature", "OSSAccessKeyId", "Expires"}),
      .headers = all_headers(request),
      .additional_headers = {}};
  const std::string to_sign = store::oss::v1_string_to_sign(input, date);
  const auto is_signed_with = [&](const AccessKey& with) {
    return is_equal(store::oss::v1_signature(with.secret, to_sign), signature);
  };
  const auto refuse_other = [&] { return refuse_mismatch(to_sign, ""); };
  if (auto checked = check_signature(*keys, **key, Dialect::oss, is_signed_with, refuse_other);
      !checked)
    return refuse(std::move(checked).error());
  return Identity{};
}

}  // namespace shoal::devbucket
