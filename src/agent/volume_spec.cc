// SPDX-License-Identifier: Apache-2.0
#include "agent/volume_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "agent/limits.h"
#include "agent/spec_fields.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "control/path_pattern.h"
#include "store/open.h"
#include "volume/resource_limit.h"

namespace shoal::agent {
namespace {

using control::Json;
using control::JsonFields;

constexpr const char* kSpecRemedy = "Write the volume as src/agent/volume_spec.h describes it.";
constexpr std::uint64_t kSecondsMax = 10ull * 365 * 24 * 3600;

struct TextField {
  const char* name;
  std::string VolumeSpec::*member;
};
// The one list of the plain texts: what is not in it is neither stored nor sent.
constexpr std::array kTexts{TextField{"source", &VolumeSpec::source},
                            TextField{"endpoint", &VolumeSpec::endpoint},
                            TextField{"region", &VolumeSpec::region},
                            TextField{"addressing", &VolumeSpec::addressing},
                            TextField{"signature", &VolumeSpec::signature},
                            TextField{"umask", &VolumeSpec::umask},
                            TextField{"cache_size", &VolumeSpec::cache_size},
                            TextField{"buffer_size", &VolumeSpec::buffer_size},
                            TextField{"resource_limit", &VolumeSpec::resource_limit},
                            TextField{"max_bandwidth", &VolumeSpec::max_bandwidth},
                            TextField{"order", &VolumeSpec::order}};

constexpr std::array kPhases{VolumePhase::indexing, VolumePhase::mounting,  VolumePhase::ready,
                             VolumePhase::failed,   VolumePhase::repairing, VolumePhase::detaching};

Result<void> take_id(JsonFields& fields, const char* name, std::optional<std::uint32_t>& target) {
  if (!fields.has(name)) return {};
  std::uint64_t number = 0;
  // The largest number means "nobody" to the kernel.
  SHOAL_CHECK_OK(fields.take_number(name, 0, 0xfffffffeull, number));
  target = static_cast<std::uint32_t>(number);
  return {};
}

Result<void> take_small(JsonFields& fields, const char* name, std::uint64_t max,
                        std::uint32_t& target) {
  std::uint64_t number = target;
  SHOAL_CHECK_OK(fields.take_number(name, 0, max, number));
  target = static_cast<std::uint32_t>(number);
  return {};
}

Error bad(const char* field, const std::string& value, const std::string& why,
          const std::string& remedy) {
  return Error(ErrorCode::bad_input, fmt::format("{} \"{}\": {}", field, value, why), remedy);
}

Result<void> check_size(const char* field, const std::string& value, std::uint64_t least) {
  std::uint64_t bytes = 0;
  if (value.empty()) return {};
  if (!parse_bytes(value, bytes))
    return fail(bad(field, value, "not a size", "Write it like 512M or 20GiB."));
  if (bytes < least)
    return fail(
        bad(field, value, "too small", fmt::format("Give at least {}.", human_bytes(least))));
  return {};
}

Result<void> check_choice(const char* field, const std::string& value,
                          std::initializer_list<std::string_view> choices) {
  if (value.empty() || std::ranges::find(choices, value) != choices.end()) return {};
  return fail(bad(field, value, "no such choice",
                  fmt::format("Write one of: {}.", fmt::join(choices, ", "))));
}

Result<void> check_umask(const std::string& text) {
  std::uint32_t mask = 0;
  const char* end = text.data() + text.size();
  const auto [rest, status] = std::from_chars(text.data(), end, mask, /*base=*/8);
  if (text.empty() || (status == std::errc{} && rest == end && mask <= 0777)) return {};
  return fail(bad("umask", text, "not an octal mask", "Write it like 0222 or 0077."));
}

Result<void> check_service(const VolumeSpec& spec) {
  if (spec.source.empty())
    return fail(ErrorCode::bad_input, "source: it is missing",
                "Name the dataset: s3://bucket/prefix, oss://bucket/prefix or file:///directory.");
  if (auto location = store::parse_location(spec.source); !location)
    return fail(std::move(location).error().with_context("source"));
  if (!spec.endpoint.empty() && !spec.endpoint.starts_with("http://") &&
      !spec.endpoint.starts_with("https://"))
    return fail(bad("endpoint", spec.endpoint, "neither http:// nor https://",
                    "Write it like https://oss-cn-hangzhou.aliyuncs.com."));
  SHOAL_CHECK_OK(check_choice("addressing", spec.addressing, {"auto", "virtual", "path"}));
  return check_choice("signature", spec.signature, {"v4", "v1"});
}

Result<void> check_limits(const VolumeSpec& spec) {
  SHOAL_CHECK_OK(check_size("cache_size", spec.cache_size, 0));
  SHOAL_CHECK_OK(check_size("buffer_size", spec.buffer_size, 64ull << 20));
  SHOAL_CHECK_OK(check_size("max_bandwidth", spec.max_bandwidth, 1));
  if (!spec.resource_limit.empty())
    if (auto plan = volume::resource_plan(spec.resource_limit); !plan)
      return fail(std::move(plan).error().with_context("resource_limit"));
  if (spec.max_requests > shoal::limits::kRequestsInFlightMax)
    return fail(bad("max_requests", std::to_string(spec.max_requests), "too many",
                    fmt::format("Give at most {}.", shoal::limits::kRequestsInFlightMax)));
  return {};
}

Result<void> check_hints(const VolumeSpec& spec) {
  if (!spec.order.empty())
    if (auto order = parse_order(spec.order); !order) return fail(order.error());
  for (const auto& [set, name] :
       {std::pair(spec.direct, "direct"), std::pair(spec.no_prefetch, "no_prefetch")})
    if (set && !spec.order.empty())
      return fail(bad("order", spec.order,
                      fmt::format("with {} nothing is fetched ahead of readers, so an order has no "
                                  "use",
                                  name),
                      "Leave one of them out."));
  for (const std::string& pattern : spec.warm)
    if (auto parsed = control::PathPattern::parse(pattern, control::PathPattern::Syntax::pattern);
        !parsed)
      return fail(std::move(parsed).error().with_context("warm"));
  if (spec.pin && spec.warm.empty())
    return fail(ErrorCode::bad_input, "pin: nothing is warmed that it could hold",
                "Name in warm what is to stay in the cache.");
  return {};
}

Json json_of(const IndexProgress& progress) {
  return {{"objects", progress.objects}, {"bytes", progress.bytes}, {"seconds", progress.seconds}};
}

Result<VolumeReport> report_of(Json json) {
  VolumeReport report;
  json.at("id").get_to(report.id);
  SHOAL_TRY(report.spec, spec_of(json.at("spec")));
  const std::string phase = json.at("phase").get<std::string>();
  const auto found =
      std::ranges::find_if(kPhases, [&](VolumePhase one) { return name_of(one) == phase; });
  if (found == kPhases.end())
    return fail(ErrorCode::corrupt, fmt::format("\"{}\" is no phase", phase));
  report.phase = *found;
  if (json.contains("error")) {
    SHOAL_TRY(report.error, control::error_of(json["error"]));
  }
  const Json& progress = json.at("progress");
  progress.at("objects").get_to(report.progress.objects);
  progress.at("bytes").get_to(report.progress.bytes);
  progress.at("seconds").get_to(report.progress.seconds);
  report.mount_point = json.at("mount_point").get<std::string>();
  report.staging_path = json.at("staging_path").get<std::string>();
  for (const Json& target : json.at("targets")) report.targets.push_back(target_of(target));
  json.at("files").get_to(report.files);
  json.at("directories").get_to(report.directories);
  json.at("object_bytes").get_to(report.object_bytes);
  json.at("listed_at").get_to(report.listed_at);
  json.at("abnormal").get_to(report.abnormal);
  json.at("server_restarts").get_to(report.server_restarts);
  return report;
}

}  // namespace

std::string_view name_of(VolumePhase phase) noexcept {
  switch (phase) {
    case VolumePhase::indexing:
      return "indexing";
    case VolumePhase::mounting:
      return "mounting";
    case VolumePhase::ready:
      return "ready";
    case VolumePhase::failed:
      return "failed";
    case VolumePhase::repairing:
      return "repairing";
    case VolumePhase::detaching:
      return "detaching";
  }
  return "?";
}

// Only what differs from the default is written: a spec a newer Shoal adds a field to is the same
// for an older one as long as the field is not used.
Json json_of(const VolumeSpec& spec) {
  Json json = Json::object();
  for (const TextField& field : kTexts)
    if (!(spec.*field.member).empty()) json[field.name] = spec.*field.member;
  if (!spec.sign_requests) json["sign_requests"] = false;
  if (spec.uid) json["uid"] = *spec.uid;
  if (spec.gid) json["gid"] = *spec.gid;
  if (spec.max_requests != 0) json["max_requests"] = spec.max_requests;
  if (spec.max_qps != 0) json["max_qps"] = spec.max_qps;
  if (spec.io_timeout_seconds != 0) json["io_timeout_seconds"] = spec.io_timeout_seconds;
  if (spec.direct) json["direct"] = true;
  if (spec.no_prefetch) json["no_prefetch"] = true;
  if (!spec.warm.empty()) json["warm"] = spec.warm;
  if (spec.pin) json["pin"] = true;
  if (spec.index_age_max) json["index_age_max_seconds"] = spec.index_age_max->count();
  return json;
}

Result<VolumeSpec> spec_of(Json json) {
  SHOAL_TRY(JsonFields fields, JsonFields::of("spec", std::move(json), kSpecRemedy));
  VolumeSpec spec;
  for (const TextField& field : kTexts)
    SHOAL_CHECK_OK(fields.take_text(field.name, limits::kTextBytesMax, spec.*field.member));
  SHOAL_CHECK_OK(fields.take_flag("sign_requests", spec.sign_requests));
  SHOAL_CHECK_OK(take_id(fields, "uid", spec.uid));
  SHOAL_CHECK_OK(take_id(fields, "gid", spec.gid));
  SHOAL_CHECK_OK(take_small(fields, "max_requests", 1u << 20, spec.max_requests));
  SHOAL_CHECK_OK(fields.take_quantity("max_qps", spec.max_qps));
  SHOAL_CHECK_OK(take_small(fields, "io_timeout_seconds", 86400, spec.io_timeout_seconds));
  SHOAL_CHECK_OK(fields.take_flag("direct", spec.direct));
  SHOAL_CHECK_OK(fields.take_flag("no_prefetch", spec.no_prefetch));
  SHOAL_CHECK_OK(fields.take_texts("warm", limits::kWarmMax, limits::kTextBytesMax, spec.warm));
  SHOAL_CHECK_OK(fields.take_flag("pin", spec.pin));
  if (fields.has("index_age_max_seconds")) {
    std::uint64_t seconds = 0;
    SHOAL_CHECK_OK(fields.take_number("index_age_max_seconds", 0, kSecondsMax, seconds));
    spec.index_age_max = std::chrono::seconds(seconds);
  }
  SHOAL_CHECK_OK(fields.end());
  return spec;
}

std::string encode_spec(const VolumeSpec& spec) {
  return control::dumped(json_of(spec));
}

Result<VolumeSpec> decode_spec(std::string_view json) {
  Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded())
    return fail(ErrorCode::bad_input, "spec: not JSON (or not UTF-8)", kSpecRemedy);
  return spec_of(std::move(parsed));
}

Result<void> check_spec(const VolumeSpec& spec) {
  SHOAL_CHECK_OK(check_service(spec));
  SHOAL_CHECK_OK(check_umask(spec.umask));
  SHOAL_CHECK_OK(check_limits(spec));
  return check_hints(spec);
}

Result<ReadOrder> parse_order(const std::string& text) {
  const auto refuse = [&](const std::string& why) {
    return fail(bad("order", text, why,
                    "Write shuffle:SEED, shuffle:SEED:EPOCH, or list:PATH with the path of a file "
                    "of the dataset."));
  };
  constexpr std::string_view kShuffle = "shuffle:";
  constexpr std::string_view kList = "list:";
  ReadOrder order;
  if (text.starts_with(kList)) {
    const auto path = control::PathPattern::parse(std::string_view(text).substr(kList.size()),
                                                  control::PathPattern::Syntax::literal);
    if (!path) return refuse(path.error().message());
    if (path->components().empty()) return refuse("the list has no path");
    for (const auto& component : path->components()) order.list /= component.text;
    return order;
  }
  if (!text.starts_with(kShuffle)) return refuse("no order of that kind");
  ShuffledEpoch shuffle;
  const char* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data() + kShuffle.size(), end, shuffle.seed);
  if (parsed.ec == std::errc{} && parsed.ptr != end && *parsed.ptr == ':')
    parsed = std::from_chars(parsed.ptr + 1, end, shuffle.epoch);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return refuse("not a number");
  order.shuffle = shuffle;
  return order;
}

Json json_of(const TargetReport& target) {
  return {{"path", target.path.string()},
          {"read_only", target.read_only},
          {"fingerprint", target.fingerprint}};
}

TargetReport target_of(const Json& json) {
  return {.path = json.at("path").get<std::string>(),
          .read_only = json.at("read_only").get<bool>(),
          .fingerprint = json.at("fingerprint").get<std::string>()};
}

Json json_of(const VolumeReport& report) {
  Json targets = Json::array();
  for (const TargetReport& target : report.targets) targets.push_back(json_of(target));
  Json json{{"id", report.id},
            {"spec", json_of(report.spec)},
            {"phase", name_of(report.phase)},
            {"progress", json_of(report.progress)},
            {"mount_point", report.mount_point.string()},
            {"staging_path", report.staging_path.string()},
            {"targets", std::move(targets)},
            {"files", report.files},
            {"directories", report.directories},
            {"object_bytes", report.object_bytes},
            {"listed_at", report.listed_at},
            {"abnormal", report.abnormal},
            {"server_restarts", report.server_restarts}};
  if (report.error) json["error"] = control::json_of(*report.error);
  return json;
}

std::string encode_report(const VolumeReport& report) {
  return control::dumped(json_of(report));
}

Result<VolumeReport> decode_report(std::string_view json) {
  // The library reports what is missing or of another type by throwing; nothing leaves here.
  std::string why;
  try {
    auto report = report_of(Json::parse(json));
    if (report) return report;
    why = report.error().message();
  } catch (const Json::exception& error) {
    why = error.what();
  }
  return fail(ErrorCode::corrupt, "report of a volume: " + why,
              "The agent may be of another version: update both sides.");
}

}  // namespace shoal::agent
