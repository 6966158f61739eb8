// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"

namespace CLI {
class App;
}

// How much is logged, and as what. A flag, or $SHOAL_LOG_LEVEL and $SHOAL_LOG_FORMAT, which are
// also how it reaches the processes a command starts: keeper, server, index build.

namespace shoal::tools {

// --log-level and --log-format. Parsing them does nothing: a settings file is checked by trying its
// values on a parser.
void add_log_flags(CLI::App& command);

// Puts what the flags of the command that is going to run say into the environment; nothing for a
// command without them. take_log_environment() makes it hold.
void take_log_flags(const CLI::App& command);

// Takes level and format from the environment, each if it is a good one. bad_input names the
// variable that is not; then what held before holds on.
[[nodiscard]] Result<void> take_log_environment();

// From here on SIGUSR2 switches to `debug` and back. For processes that live long.
void switch_log_level_on_signal();

}  // namespace shoal::tools
