// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/result.h"

namespace shoal::sys {

// Moves the calling process into a cgroup v2 directory, which is made if its parent exists. Errors
// name the directory and what to do: bad_input (no cgroup v2 directory), permission, precondition
// (one that may not hold processes, because it hands controllers to its children).
[[nodiscard]] Result<void> join_cgroup(const std::filesystem::path& directory);

}  // namespace shoal::sys
