// SPDX-License-Identifier: Apache-2.0
#include "control/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "control/json_fields.h"

namespace shoal::control {
namespace {

constexpr std::string_view kBodyRemedy =
    "Send one JSON object as src/control/commands.h describes it.";

Error wrong(std::string_view what, std::string_view why) {
  return Error(ErrorCode::bad_input, fmt::format("{}: {}", what, why), std::string(kBodyRemedy));
}

bool is_utf8(const std::string& text) {
  const std::string quoted = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(quoted) == Json(text);
}

Json json_of_path(const std::string& path) {
  if (is_utf8(path)) return path;
  std::string hex;
  for (const char c : path) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return Json{{"hex", hex}};
}

Result<std::string> bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    const auto [rest, status] = std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    if (status != std::errc{} || rest != hex.data() + i + 2) break;
    bytes += static_cast<char>(value);
  }
  if (bytes.size() * 2 != hex.size()) return fail(wrong("paths", "\"hex\" is not hexadecimal"));
  return bytes;
}

Result<std::string> path_of_json(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object() && json.size() == 1 && json.contains("hex") && json["hex"].is_string())
    return bytes_of_hex(json["hex"].get<std::string>());
  return fail(wrong("paths", "one is neither a text nor {\"hex\": \"...\"}"));
}

Result<std::vector<PathPattern>> paths_of_json(const std::optional<Json>& json,
                                               PathPattern::Syntax syntax) {
  if (!json || !json->is_array() || json->empty())
    return fail(wrong("paths", "not a list of at least one path"));
  if (json->size() > limits::kPathsMax)
    return fail(ErrorCode::limit,
                fmt::format("paths: {} are more than {}", json->size(), limits::kPathsMax),
                "Send them in several commands.");
  std::vector<PathPattern> paths;
  paths.reserve(json->size());
  for (const Json& one : *json) {
    SHOAL_TRY(const std::string text, path_of_json(one));
    SHOAL_TRY(auto pattern, PathPattern::parse(text, syntax));
    paths.push_back(std::move(pattern));
  }
  return paths;
}

template <typename Enum, std::size_t N>
Result<Enum> enum_named(std::string_view name, const std::array<Enum, N>& values) {
  for (const Enum value : values)
    if (name_of(value) == name) return value;
  return fail(ErrorCode::corrupt, fmt::format("\"{}\" is no such value", name));
}

constexpr std::array kActions{WarmSpec::Action::warm, WarmSpec::Action::check,
                              WarmSpec::Action::unpin};
constexpr std::array kStates{WarmProgress::State::waiting, WarmProgress::State::counting,
                             WarmProgress::State::running, WarmProgress::State::done,
                             WarmProgress::State::failed,  WarmProgress::State::canceled};
struct ProgressField {
  const char* name;
  std::uint64_t WarmProgress::*member;
};
constexpr std::array kProgressFields{
    ProgressField{"files", &WarmProgress::files},
    ProgressField{"bytes", &WarmProgress::bytes},
    ProgressField{"files_done", &WarmProgress::files_done},
    ProgressField{"bytes_done", &WarmProgress::bytes_done},
    ProgressField{"files_present", &WarmProgress::files_present},
    ProgressField{"bytes_present", &WarmProgress::bytes_present},
    ProgressField{"bytes_fetched", &WarmProgress::bytes_fetched},
    ProgressField{"requests", &WarmProgress::requests},
    ProgressField{"files_failed", &WarmProgress::files_failed},
    ProgressField{"unmatched", &WarmProgress::unmatched},
};

Result<JobReport> job_of(const Json& json) {
  JobReport job;
  json.at("id").get_to(job.id);
  SHOAL_TRY(job.action, enum_named(json.at("action").get<std::string>(), kActions));
  SHOAL_TRY(job.progress.state, enum_named(json.at("state").get<std::string>(), kStates));
  for (const ProgressField& field : kProgressFields)
    json.at(field.name).get_to(job.progress.*field.member);
  json.at("failures").get_to(job.progress.failures);
  json.at("absent").get_to(job.progress.absent);
  json.at("unmatched_names").get_to(job.progress.unmatched_names);
  json.at("elapsed_seconds").get_to(job.progress.elapsed_seconds);
  if (json.contains("error")) {
    SHOAL_TRY(job.progress.error, error_of(json["error"]));
  }
  return job;
}

}  // namespace

std::string encode_spec(const WarmSpec& spec, PathPattern::Syntax syntax) {
  Json paths = Json::array();
  for (const PathPattern& path : spec.paths) paths.push_back(json_of_path(path.text()));
  Json json{{"paths", std::move(paths)}, {"literal", syntax == PathPattern::Syntax::literal}};
  if (spec.action == WarmSpec::Action::unpin) return dumped(json);
  json["parallel"] = spec.parallel;
  json["timeout_seconds"] = spec.timeout.count();
  if (spec.action == WarmSpec::Action::warm) {
    json["pin"] = spec.pin;
    json["force"] = spec.force;
  }
  return dumped(json);
}

Result<WarmSpec> decode_spec(WarmSpec::Action action, std::string_view body) {
  SHOAL_TRY(JsonFields fields, JsonFields::parse(body, std::string(kBodyRemedy)));
  WarmSpec spec;
  spec.action = action;
  bool literal = false;
  SHOAL_CHECK_OK(fields.take_flag("literal", literal));
  const auto paths = fields.take("paths");
  std::uint64_t parallel = spec.parallel;
  auto timeout_seconds = static_cast<std::uint64_t>(spec.timeout.count());
  if (action != WarmSpec::Action::unpin) {
    SHOAL_CHECK_OK(fields.take_number("parallel", 1, limits::kParallelMax, parallel));
    SHOAL_CHECK_OK(fields.take_number(
        "timeout_seconds", 1,
        static_cast<std::uint64_t>(std::chrono::seconds(limits::kTimeoutMax).count()),
        timeout_seconds));
  }
  if (action == WarmSpec::Action::warm) {
    SHOAL_CHECK_OK(fields.take_flag("pin", spec.pin));
    SHOAL_CHECK_OK(fields.take_flag("force", spec.force));
  }
  SHOAL_CHECK_OK(fields.end());
  SHOAL_TRY(spec.paths, paths_of_json(paths, literal ? PathPattern::Syntax::literal
                                                     : PathPattern::Syntax::pattern));
  spec.parallel = static_cast<std::uint32_t>(parallel);
  spec.timeout = std::chrono::seconds(timeout_seconds);
  return spec;
}

std::string encode_order(const ReadOrder& order) {
  Json json = Json::object();
  if (!order.list.empty()) json["list"] = json_of_path(order.list.string());
  if (order.shuffle) {
    json["seed"] = order.shuffle->seed;
    json["epoch"] = order.shuffle->epoch;
    json["group_bytes"] = order.shuffle->group_bytes;
  }
  json["append"] = order.append;
  json["guess"] = order.is_guess;
  return dumped(json);
}

Result<ReadOrder> decode_order(std::string_view body) {
  SHOAL_TRY(JsonFields fields, JsonFields::parse(body, std::string(kBodyRemedy)));
  ReadOrder order;
  constexpr std::uint64_t kAny = ~std::uint64_t{0};
  const auto list = fields.take("list");
  if (list) {
    SHOAL_TRY(const std::string path, path_of_json(*list));
    if (!path.starts_with('/') || path.find('\0') != std::string::npos)
      return fail(wrong("list", "not the absolute path of a file"));
    order.list = path;
  }
  ShuffledEpoch shuffle;
  const bool has_seed = fields.has("seed");
  SHOAL_CHECK_OK(fields.take_number("seed", 0, kAny, shuffle.seed));
  SHOAL_CHECK_OK(fields.take_number("epoch", 0, kAny, shuffle.epoch));
  SHOAL_CHECK_OK(fields.take_number("group_bytes", 1, 1ull << 62, shuffle.group_bytes));
  SHOAL_CHECK_OK(fields.take_flag("append", order.append));
  SHOAL_CHECK_OK(fields.take_flag("guess", order.is_guess));
  SHOAL_CHECK_OK(fields.end());
  if (list.has_value() == has_seed)
    return fail(wrong("body", "it must name either a \"list\" or a \"seed\""));
  if (has_seed) order.shuffle = shuffle;
  return order;
}

std::string encode_job(const JobReport& job) {
  const WarmProgress& progress = job.progress;
  Json json{{"id", job.id}, {"action", name_of(job.action)}, {"state", name_of(progress.state)}};
  for (const ProgressField& field : kProgressFields) json[field.name] = progress.*field.member;
  json["failures"] = progress.failures;
  json["absent"] = progress.absent;
  json["unmatched_names"] = progress.unmatched_names;
  json["elapsed_seconds"] = progress.elapsed_seconds;
  if (progress.error) json["error"] = json_of(*progress.error);
  return dumped(json);
}

Result<JobReport> decode_job(std::string_view text) {
  // The library reports what is missing or of another type by throwing; nothing leaves here.
  try {
    return job_of(Json::parse(text));
  } catch (const Json::exception& error) {
    return fail(ErrorCode::corrupt, fmt::format("job document: {}", error.what()),
                "The server may be of another version: unmount and mount again.");
  }
}

std::string encode_log_state(LogLevel level, LogFormat format) {
  return dumped(Json{{"level", name_of(level)}, {"format", name_of(format)}});
}

std::string encode_log_level(LogLevel level) {
  return dumped(Json{{"level", name_of(level)}});
}

Result<LogLevel> decode_log_level(std::string_view body) {
  SHOAL_TRY(JsonFields fields, JsonFields::parse(body, std::string(kBodyRemedy)));
  const auto level = fields.take("level");
  SHOAL_CHECK_OK(fields.end());
  if (!level || !level->is_string()) return fail(wrong("level", "not there, or no text"));
  return log_level_named(level->get<std::string>());
}

Result<LogLevel> decode_log_state(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("level") && json["level"].is_string())
    if (auto level = log_level_named(json["level"].get<std::string>())) return *level;
  return fail(ErrorCode::corrupt, fmt::format("log state: {}", text.substr(0, 100)),
              "The server may be of another version: unmount and mount again.");
}

std::string encode_error(const Error& error) {
  return dumped(Json{{"error", json_of(error)}});
}

Error decode_error(std::string_view text) {
  try {
    auto error = error_of(Json::parse(text).at("error"));
    if (error) return std::move(*error);
  } catch (const Json::exception&) {
    // Said below.
  }
  return Error(ErrorCode::corrupt, fmt::format("answer without a reason: {}", text.substr(0, 200)),
               "The server may be of another version: unmount and mount again.");
}

}  // namespace shoal::control
