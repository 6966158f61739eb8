// SPDX-License-Identifier: Apache-2.0
#include "control/status.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/status_fields.h"

namespace shoal::control {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
void take(const Json& json, std::string_view name, T& target) {
  json.at(std::string(name)).get_to(target);
}

Json json_of(const PrefetchStatus& prefetch) {
  Json policies = Json::array();
  for (const PolicyStatus& policy : prefetch.policies) {
    Json one{{"name", policy.name}, {"state", policy.state}};
    for (const PolicyField& field : kPolicyFields)
      one[std::string(field.name)] = policy.*field.member;
    policies.push_back(std::move(one));
  }
  Json json{{"policies", std::move(policies)},
            {"eviction", prefetch.eviction},
            {"order_stopped", prefetch.order_stopped}};
  for (const PrefetchField& field : kPrefetchFields)
    json[std::string(field.name)] = prefetch.*field.member;
  return json;
}

PrefetchStatus prefetch_of(const Json& json) {
  PrefetchStatus prefetch;
  for (const Json& one : json.at("policies")) {
    PolicyStatus policy;
    take(one, "name", policy.name);
    take(one, "state", policy.state);
    for (const PolicyField& field : kPolicyFields) take(one, field.name, policy.*field.member);
    prefetch.policies.push_back(std::move(policy));
  }
  take(json, "eviction", prefetch.eviction);
  take(json, "order_stopped", prefetch.order_stopped);
  for (const PrefetchField& field : kPrefetchFields) take(json, field.name, prefetch.*field.member);
  return prefetch;
}

Status status_of(const Json& json) {
  Status status;
  take(json, "version", status.version);
  take(json, "server_pid", status.server_pid);
  take(json, "uptime_seconds", status.uptime_seconds);
  take(json, "recent_errors", status.recent_errors);
  const Json& frontend = json.at("frontend");
  take(frontend, "kind", status.frontend.kind);
  take(frontend, "requests", status.frontend.requests);
  take(frontend, "recovered", status.frontend.recovered);
  take(frontend, "paused", status.frontend.paused);
  take(frontend, "in_flight", status.frontend.in_flight);
  const Json& volume = json.at("volume");
  take(volume, "url", status.volume.url);
  take(volume, "endpoint", status.volume.endpoint);
  status.volume.directory = volume.at("directory").get<std::string>();
  take(volume, "listed_at", status.volume.listed_at);
  for (const InfoField& field : kInfoFields) take(volume, field.name, status.volume.*field.member);
  const Json& stats = json.at("stats");
  for (const StatsField& field : kStatsFields) take(stats, field.name, status.stats.*field.member);
  status.prefetch = prefetch_of(json.at("prefetch"));
  return status;
}

}  // namespace

std::string encode_status(const Status& status) {
  Json volume{{"url", status.volume.url},
              {"endpoint", status.volume.endpoint},
              {"directory", status.volume.directory.string()},
              {"listed_at", status.volume.listed_at}};
  for (const InfoField& field : kInfoFields)
    volume[std::string(field.name)] = status.volume.*field.member;
  Json stats;
  for (const StatsField& field : kStatsFields)
    stats[std::string(field.name)] = status.stats.*field.member;
  const Json json{{"version", status.version},
                  {"server_pid", status.server_pid},
                  {"uptime_seconds", status.uptime_seconds},
                  {"frontend",
                   {{"kind", status.frontend.kind},
                    {"requests", status.frontend.requests},
                    {"recovered", status.frontend.recovered},
                    {"paused", status.frontend.paused},
                    {"in_flight", status.frontend.in_flight}}},
                  {"volume", volume},
                  {"stats", stats},
                  {"prefetch", json_of(status.prefetch)},
                  {"recent_errors", status.recent_errors}};
  // Keys in texts are bytes, not always UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Status> decode_status(std::string_view text) {
  // The library reports what is missing or of another type by throwing; nothing leaves here.
  try {
    return status_of(Json::parse(text));
  } catch (const Json::exception& error) {
    return fail(ErrorCode::corrupt, fmt::format("status document: {}", error.what()),
                "The server may be of another version: unmount and mount again.");
  }
}

std::string encode_prefetch(const PrefetchStatus& status) {
  return json_of(status).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace shoal::control
