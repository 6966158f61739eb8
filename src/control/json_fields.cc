// SPDX-License-Identifier: Apache-2.0
#include "control/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace shoal::control {
namespace {

constexpr std::array kCodes{ErrorCode::not_found, ErrorCode::precondition, ErrorCode::permission,
                            ErrorCode::throttled, ErrorCode::timeout,      ErrorCode::unavailable,
                            ErrorCode::corrupt,   ErrorCode::no_space,     ErrorCode::limit,
                            ErrorCode::canceled,  ErrorCode::bad_input,    ErrorCode::unsupported,
                            ErrorCode::io,        ErrorCode::closed,       ErrorCode::bug};

bool is_plain(const std::string& text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

Result<JsonFields> JsonFields::parse(std::string_view body, std::string remedy) {
  Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return fail(ErrorCode::bad_input, "body: not JSON (or not UTF-8)", std::move(remedy));
  if (!json.is_object())
    return fail(ErrorCode::bad_input, "body: not a JSON object", std::move(remedy));
  return JsonFields(std::move(json), "", std::move(remedy));
}

Result<JsonFields> JsonFields::of(std::string_view name, Json json, std::string remedy) {
  if (!json.is_object())
    return fail(ErrorCode::bad_input, fmt::format("{}: not a JSON object", name),
                std::move(remedy));
  return JsonFields(std::move(json), fmt::format("{}.", name), std::move(remedy));
}

Error JsonFields::wrong(std::string_view name, std::string_view why) const {
  return Error(ErrorCode::bad_input, fmt::format("{}{}: {}", prefix_, name, why), remedy_);
}

std::optional<Json> JsonFields::take(const char* name) {
  const auto found = json_.find(name);
  if (found == json_.end()) return std::nullopt;
  Json value = std::move(*found);
  json_.erase(found);
  return value;
}

Result<void> JsonFields::take_flag(const char* name, bool& target) {
  const auto value = take(name);
  if (!value) return {};
  if (!value->is_boolean()) return fail(wrong(name, "neither true nor false"));
  target = value->get<bool>();
  return {};
}

Result<void> JsonFields::take_number(const char* name, std::uint64_t min, std::uint64_t max,
                                     std::uint64_t& target) {
  const auto value = take(name);
  if (!value) return {};
  // A negative number is not of the unsigned kind.
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() < min ||
      value->get<std::uint64_t>() > max)
    return fail(wrong(name, fmt::format("not a whole number from {} to {}", min, max)));
  target = value->get<std::uint64_t>();
  return {};
}

Result<void> JsonFields::take_quantity(const char* name, double& target) {
  const auto value = take(name);
  if (!value) return {};
  if (!value->is_number() || !std::isfinite(value->get<double>()) || value->get<double>() < 0)
    return fail(wrong(name, "not a number of 0 or more"));
  target = value->get<double>();
  return {};
}

Result<void> JsonFields::take_text(const char* name, std::size_t bytes_max, std::string& target) {
  const auto value = take(name);
  if (!value) return {};
  if (!value->is_string()) return fail(wrong(name, "not a text"));
  std::string text = value->get<std::string>();
  if (text.size() > bytes_max)
    return fail(wrong(name, fmt::format("{} bytes are more than {}", text.size(), bytes_max)));
  if (!is_plain(text)) return fail(wrong(name, "it holds control characters"));
  target = std::move(text);
  return {};
}

Result<void> JsonFields::take_texts(const char* name, std::size_t count_max, std::size_t bytes_max,
                                    std::vector<std::string>& target) {
  const auto value = take(name);
  if (!value) return {};
  if (!value->is_array()) return fail(wrong(name, "not a list"));
  if (value->size() > count_max)
    return fail(wrong(name, fmt::format("{} are more than {}", value->size(), count_max)));
  std::vector<std::string> texts;
  for (const Json& one : *value) {
    if (!one.is_string() || one.get_ref<const std::string&>().size() > bytes_max ||
        !is_plain(one.get_ref<const std::string&>()))
      return fail(wrong(name, fmt::format("one is no text of at most {} bytes without control "
                                          "characters",
                                          bytes_max)));
    texts.push_back(one.get<std::string>());
  }
  target = std::move(texts);
  return {};
}

Result<void> JsonFields::end() const {
  if (json_.empty()) return {};
  return fail(wrong("field \"" + json_.begin().key().substr(0, 100) + "\"", "nobody knows it"));
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_of(const Error& error) {
  return {
      {"code", name_of(error.code())}, {"message", error.message()}, {"remedy", error.remedy()}};
}

Result<Error> error_of(const Json& json) {
  const std::string name = json.at("code").get<std::string>();
  for (const ErrorCode code : kCodes)
    if (name_of(code) == name)
      return Error(code, json.at("message").get<std::string>(),
                   json.at("remedy").get<std::string>());
  return fail(ErrorCode::corrupt, fmt::format("\"{}\" is no error code", name));
}

}  // namespace shoal::control
