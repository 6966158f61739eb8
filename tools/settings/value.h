// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace CLI {
class Option;
}

namespace shoal::tools {

struct EnvironmentSetting;

// Gives an option values as if they stood on the command line: "true" and "false" for a flag. What
// the command would refuse later (a size that is none) is refused here, where one still knows who
// said it. bad_input: why, without saying where the value comes from.
[[nodiscard]] Result<void> set_value(CLI::Option& option, const std::string& name,
                                     const std::vector<std::string>& values);

// Whether the setting may have this value. bad_input as of set_value().
[[nodiscard]] Result<void> check_environment_value(const EnvironmentSetting& setting,
                                                   const std::string& value);

// Whether the word --help shows for a value says that it is a path.
[[nodiscard]] bool is_path_type(const std::string& type);

}  // namespace shoal::tools
