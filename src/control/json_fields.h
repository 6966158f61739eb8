// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// What somebody else wrote as JSON, taken strictly. Only for the .cc files that encode and decode.

namespace shoal::control {

using Json = nlohmann::ordered_json;

// A JSON object whose fields are taken one by one; what is left at the end was not expected. All
// errors are bad_input and name the field. Fields that are absent leave `target` as it is.
// confined.
class JsonFields {
 public:
  // `remedy`: said with each error.
  [[nodiscard]] static Result<JsonFields> parse(std::string_view body, std::string remedy);
  // A field that is an object itself; `name` is put before the names of its fields.
  [[nodiscard]] static Result<JsonFields> of(std::string_view name, Json json, std::string remedy);

  [[nodiscard]] bool has(const char* name) const { return json_.contains(name); }
  [[nodiscard]] std::optional<Json> take(const char* name);
  [[nodiscard]] Result<void> take_flag(const char* name, bool& target);
  [[nodiscard]] Result<void> take_number(const char* name, std::uint64_t min, std::uint64_t max,
                                         std::uint64_t& target);
  // Finite and not negative.
  [[nodiscard]] Result<void> take_quantity(const char* name, double& target);
  // UTF-8, without control characters, at most `bytes_max` long.
  [[nodiscard]] Result<void> take_text(const char* name, std::size_t bytes_max,
                                       std::string& target);
  [[nodiscard]] Result<void> take_texts(const char* name, std::size_t count_max,
                                        std::size_t bytes_max, std::vector<std::string>& target);
  // Last: everything must have been taken.
  [[nodiscard]] Result<void> end() const;

  [[nodiscard]] Error wrong(std::string_view name, std::string_view why) const;

 private:
  JsonFields(Json json, std::string prefix, std::string remedy)
      : json_(std::move(json)), prefix_(std::move(prefix)), remedy_(std::move(remedy)) {}
  Json json_;
  std::string prefix_;
  std::string remedy_;
};

// Names are bytes, not always UTF-8: what is not becomes U+FFFD.
[[nodiscard]] std::string dumped(const Json& json);

[[nodiscard]] Json json_of(const Error& error);
// corrupt when the code is none of ours; throws Json::exception when a field is missing.
[[nodiscard]] Result<Error> error_of(const Json& json);

}  // namespace shoal::control
