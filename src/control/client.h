// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>

#include "base/result.h"
#include "control/status.h"

namespace shoal::control {

// Asks the server behind a socket; blocks for at most `patience` per step. Errors: unavailable (no
// socket, or nobody listens, as between a server's death and its successor), timeout, corrupt.
[[nodiscard]] Result<Status> get_status(const std::filesystem::path& socket,
                                        std::chrono::milliseconds patience);

}  // namespace shoal::control
