// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/result.h"

namespace shoal::sys {

// Makes a mount of ours refuse to execute its files, as `mount -o noexec` asks for. It stays
// read-only, without devices and set-user-ID bits. Errors: permission, bad_input (no mount there).
[[nodiscard]] Result<void> forbid_execution(const std::filesystem::path& mount_point);

}  // namespace shoal::sys
