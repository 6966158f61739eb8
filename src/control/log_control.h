// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

// GET /log and PUT /log of whoever has a control socket: the level of this process's log.

namespace shoal::control {

// {"level": "info", "format": "text"}
[[nodiscard]] std::string log_state();
// Sets the level {"level": "debug"} names, says so in the log, and returns the new state.
// bad_input.
[[nodiscard]] Result<std::string> change_log_level(std::string_view body);

}  // namespace shoal::control
