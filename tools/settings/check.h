// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "tools/settings/file.h"

namespace CLI {
class App;
}

namespace shoal::tools {

// Everything in a settings file that would not be used as it is meant: unknown keys and tables with
// the nearest known one, values of the wrong kind, relative paths, settings that make sense for one
// dataset only, and secrets. Each message begins with file:line:column. `scratch` is a parser with
// all commands, which is never run: values are tried on its options.
[[nodiscard]] std::vector<Error> check_settings(const SettingsFile& file, CLI::App& scratch);

}  // namespace shoal::tools
