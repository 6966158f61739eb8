// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "frontend/fuse/keeper.h"
#include "frontend/fuse/mount_state.h"

// What commands call; see keeper.h for the processes behind.

namespace shoal::fuse {

// Starts `keeper_command` ("shoal keeper"; gets "--options-fd N --report-fd N" added) and waits
// until the mount is usable or has failed; then nothing of it is left. Errors are the keeper's.
[[nodiscard]] Result<MountState> mount(const KeeperOptions& options,
                                       const std::vector<std::string>& keeper_command);

// The mounts below a runtime directory, by mount point. State files of which neither a process nor
// the mount is left are removed on the way; files of other versions are left alone.
[[nodiscard]] Result<std::vector<MountState>> list_mounts(
    const std::filesystem::path& runtime_directory);

// Unmounts through the keeper, or in its place if it died, and returns when everything is gone.
// `force` detaches at once: who has files open gets I/O errors. Errors: not_found (no mount of
// ours), precondition (busy, naming the processes), timeout (the keeper does not finish).
[[nodiscard]] Result<void> unmount(const std::filesystem::path& runtime_directory,
                                   const std::filesystem::path& mount_point, bool force);

}  // namespace shoal::fuse
