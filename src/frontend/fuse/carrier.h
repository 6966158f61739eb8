// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "frontend/fuse/keeper.h"

namespace shoal::fuse {

// Mounts EROFS from `image`, a file served by our own server, and proves it usable (statfs, and
// reading the root directory). Returns which carrier it became, for people: "erofs file-backed,
// directio". Waits for the server: run it in a ChildTask. On failure nothing stays mounted.
[[nodiscard]] Result<std::string> mount_erofs(const std::filesystem::path& image,
                                              const std::filesystem::path& mount_point,
                                              Carrier carrier);

}  // namespace shoal::fuse
