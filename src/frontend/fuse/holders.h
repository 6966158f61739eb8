// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "shoal/error.h"

namespace shoal::fuse {

// Processes that keep a mount busy: "bash[4711] (working directory)", at most `count_max`; found
// from the links in /proc alone, never by touching the mount. Processes of other users are seen by
// root only. May wait for a process that waits for the mount: run it in a ChildTask.
[[nodiscard]] std::vector<std::string> holders_of(const std::filesystem::path& mount_point,
                                                  std::size_t count_max);

// "unmount /mnt/data: in use by bash[4711] (working directory)", with what to do.
[[nodiscard]] Error busy_error(const std::filesystem::path& mount_point);

}  // namespace shoal::fuse
