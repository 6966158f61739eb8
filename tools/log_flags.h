// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"

namespace CLI {
class App;
}

// How much is logged, and as what. A flag, or $SHOAL_LOG_LEVEL and $SHOAL_LOG_FORMAT, which are
// also how it reaches the processes a command starts: keeper, server, index build.

namespace shoal::tools {

// --log-level and --log-format; both take effect where they are parsed.
void add_log_flags(CLI::App& command);

// At the start of the process. bad_input, naming the variable.
[[nodiscard]] Result<void> take_log_environment();

// From here on SIGUSR2 switches to `debug` and back. For processes that live long.
void switch_log_level_on_signal();

}  // namespace shoal::tools
