// SPDX-License-Identifier: Apache-2.0
#include "agent/requests.h"

#include <algorithm>

#include "agent/limits.h"
#include "agent/spec_fields.h"

namespace shoal::agent {
namespace {

using control::Json;
using control::JsonFields;

constexpr const char* kRemedy = "Send one JSON object as src/agent/README.md describes it.";

Result<void> take_id(JsonFields& fields, std::string& id) {
  SHOAL_CHECK_OK(fields.take_text("id", limits::kIdBytesMax, id));
  if (id.empty()) return fail(fields.wrong("id", "it is missing or empty"));
  return {};
}

Result<void> take_path(JsonFields& fields, const char* name, std::filesystem::path& path) {
  std::string text;
  SHOAL_CHECK_OK(fields.take_text(name, limits::kPathBytesMax, text));
  path = text;
  return {};
}

Result<Keys> keys_of(Json json) {
  SHOAL_TRY(JsonFields fields, JsonFields::of("keys", std::move(json), kRemedy));
  Keys keys;
  std::string secret;
  std::string token;
  SHOAL_CHECK_OK(fields.take_text("access_key", limits::kSecretBytesMax, keys.access_key));
  SHOAL_CHECK_OK(fields.take_text("secret_key", limits::kSecretBytesMax, secret));
  SHOAL_CHECK_OK(fields.take_text("session_token", limits::kSecretBytesMax, token));
  SHOAL_CHECK_OK(fields.take_text("expiration", limits::kExpirationBytesMax, keys.expiration));
  keys.secret_key = Secret(std::move(secret));
  keys.session_token = Secret(std::move(token));
  if (keys.access_key.empty() || keys.secret_key.empty())
    return fail(fields.wrong("access_key and secret_key", "both must be given"));
  SHOAL_CHECK_OK(fields.end());
  return keys;
}

Json json_of(const Keys& keys) {
  return {{"access_key", keys.access_key},
          {"secret_key", std::string(keys.secret_key.reveal())},
          {"session_token", std::string(keys.session_token.reveal())},
          {"expiration", keys.expiration}};
}

}  // namespace

Result<void> check_id(const std::string& id) {
  const Json json(id);
  const bool utf8 = control::dumped(json).find("\xEF\xBF\xBD") == std::string::npos;
  const bool plain = std::ranges::none_of(
      id, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (!id.empty() && id.size() <= limits::kIdBytesMax && utf8 && plain) return {};
  return fail(ErrorCode::bad_input, "volume id: not 1 to " + std::to_string(limits::kIdBytesMax) +
                                        " bytes of UTF-8 without control characters");
}

std::string encode_attach(const Client::Attach& request) {
  Json json{{"id", request.id},
            {"spec", json_of(request.spec)},
            {"staging_path", request.staging_path.string()},
            {"detach_with_last_target", request.detach_with_last_target},
            {"wait_milliseconds", request.wait.count()}};
  if (request.keys) json["keys"] = json_of(*request.keys);
  return control::dumped(json);
}

Result<Client::Attach> decode_attach(std::string_view body) {
  SHOAL_TRY(JsonFields fields, JsonFields::parse(body, kRemedy));
  Client::Attach request;
  SHOAL_CHECK_OK(take_id(fields, request.id));
  auto spec = fields.take("spec");
  if (!spec) return fail(fields.wrong("spec", "it is missing"));
  SHOAL_TRY(request.spec, spec_of(std::move(*spec)));
  if (auto keys = fields.take("keys")) {
    SHOAL_TRY(request.keys, keys_of(std::move(*keys)));
  }
  SHOAL_CHECK_OK(take_path(fields, "staging_path", request.staging_path));
  SHOAL_CHECK_OK(fields.take_flag("detach_with_last_target", request.detach_with_last_target));
  std::uint64_t wait = 0;
  SHOAL_CHECK_OK(fields.take_number(
      "wait_milliseconds", 0,
      static_cast<std::uint64_t>(std::chrono::milliseconds(limits::kWaitMax).count()), wait));
  request.wait = std::chrono::milliseconds(wait);
  SHOAL_CHECK_OK(fields.end());
  return request;
}

std::string encode_detach(const std::string& id) {
  return control::dumped(Json{{"id", id}});
}

Result<std::string> decode_detach(std::string_view body) {
  SHOAL_TRY(JsonFields fields, JsonFields::parse(body, kRemedy));
  std::string id;
  SHOAL_CHECK_OK(take_id(fields, id));
  SHOAL_CHECK_OK(fields.end());
  return id;
}

std::string encode_publish(const Client::Publish& request) {
  return control::dumped(Json{{"id", request.id},
                              {"target", request.target.string()},
                              {"read_only", request.read_only},
                              {"fingerprint", request.fingerprint}});
}

Result<Client::Publish> decode_publish(std::string_view body) {
  SHOAL_TRY(JsonFields fields, JsonFields::parse(body, kRemedy));
  Client::Publish request;
  SHOAL_CHECK_OK(take_id(fields, request.id));
  SHOAL_CHECK_OK(take_path(fields, "target", request.target));
  SHOAL_CHECK_OK(fields.take_flag("read_only", request.read_only));
  SHOAL_CHECK_OK(fields.take_text("fingerprint", limits::kTextBytesMax, request.fingerprint));
  SHOAL_CHECK_OK(fields.end());
  return request;
}

std::string encode_unpublish(const Unpublish& request) {
  return control::dumped(Json{{"id", request.id}, {"target", request.target.string()}});
}

Result<Unpublish> decode_unpublish(std::string_view body) {
  SHOAL_TRY(JsonFields fields, JsonFields::parse(body, kRemedy));
  Unpublish request;
  SHOAL_CHECK_OK(take_id(fields, request.id));
  SHOAL_CHECK_OK(take_path(fields, "target", request.target));
  SHOAL_CHECK_OK(fields.end());
  return request;
}

std::string encode_reports(const std::vector<VolumeReport>& reports) {
  Json list = Json::array();
  for (const VolumeReport& report : reports) list.push_back(json_of(report));
  return control::dumped(Json{{"volumes", std::move(list)}});
}

Result<std::vector<VolumeReport>> decode_reports(std::string_view body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("volumes") || !json["volumes"].is_array())
    return fail(ErrorCode::corrupt, "list of volumes: not one of this version",
                "The agent may be of another version: update both sides.");
  std::vector<VolumeReport> reports;
  for (const Json& one : json["volumes"]) {
    SHOAL_TRY(auto report, decode_report(one.dump()));
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace shoal::agent
