// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace shoal::store {

// The "[section]", "name = value" files of the cloud tools. Names are lower-cased, a section that
// comes twice is merged, indented lines (the AWS tools' nested settings) and comments are passed
// over. Values are held as secrets, since some are. immutable.
class IniFile {
 public:
  // `name` is for messages. Errors: bad_input "FILE:LINE: why", never with the line's text.
  [[nodiscard]] static Result<IniFile> parse(std::string_view text, const std::string& name);
  // An empty optional when there is no such file; permission when it cannot be read.
  [[nodiscard]] static Result<std::optional<IniFile>> load(const std::filesystem::path& path);

  // Empty when there is no such value.
  [[nodiscard]] std::string_view value(std::string_view section, std::string_view name) const;
  // The first of `names` that has a value.
  [[nodiscard]] std::string_view value_of_any(std::string_view section,
                                              std::initializer_list<std::string_view> names) const;

 private:
  std::map<std::string, std::map<std::string, Secret, std::less<>>, std::less<>> sections_;
};

}  // namespace shoal::store
