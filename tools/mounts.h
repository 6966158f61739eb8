// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "flags.h"
#include "frontend/fuse/mount_state.h"
#include "target.h"

namespace shoal::tools {

// What a command acts on, and through whom: the server of a mount, or this process.
struct LiveTarget {
  std::optional<fuse::MountState> mount;  // whose server holds the volume
  Target target;                          // of the volume, mounted or not
};

// `text` names a mount point or something in it, a volume's directory, or a URL of or below a
// dataset; a volume that is mounted is reached through its mount, however it is named.
[[nodiscard]] Result<LiveTarget> live_target(const std::string& text, const StoreFlags& flags);

// `path` below the mount point, as a path in the dataset; others are returned as they are: people
// name files of a mount the way `ls` does.
[[nodiscard]] std::string path_in_dataset(const std::string& path,
                                          const std::optional<fuse::MountState>& mount);

}  // namespace shoal::tools
