// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace shoal::tools {

// State of live mounts: $SHOAL_RUNTIME, else /run/shoal for root, else $XDG_RUNTIME_DIR/shoal.
[[nodiscard]] std::filesystem::path runtime_directory();

// `path` without a trailing '/', links above it resolved, as the kernel shows it in /proc/mounts.
// The last component is not touched: it may be a mount whose server is dead.
[[nodiscard]] std::filesystem::path mount_point_of(const std::string& path);

}  // namespace shoal::tools
