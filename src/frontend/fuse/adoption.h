// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "frontend/fuse/keeper.h"
#include "frontend/fuse/mount_state.h"

namespace shoal::fuse {

// What a keeper was started with, kept beside its mount (mode 0600) for one that adopts it. Nothing
// in it is secret: credentials reach a server by its environment or by files.
[[nodiscard]] Result<void> save_options(const MountPaths& paths, const KeeperOptions& options);
// unsupported when there are none; corrupt.
[[nodiscard]] Result<KeeperOptions> load_options(const MountPaths& paths);

// Whether the mount of `state` is still there, complete, and `fuse_fd` is open on its connection:
// what adoption needs besides a lock. Errors as adopt() in mount.h.
[[nodiscard]] Result<void> check_adoptable(const MountPaths& paths, const MountState& state,
                                           int fuse_fd);

}  // namespace shoal::fuse
