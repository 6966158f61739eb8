// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "frontend/fuse/keeper.h"
#include "frontend/fuse/mount_state.h"

namespace shoal::fuse {

// Starts `keeper_command` ("shoal keeper") in a session of its own and waits until the mount is
// usable or the keeper says why not. `adopted_fd`: the /dev/fuse descriptor of the mount it is to
// adopt; -1: it mounts afresh.
[[nodiscard]] Result<MountState> start_keeper(const KeeperOptions& options,
                                              const std::vector<std::string>& keeper_command,
                                              int adopted_fd);

}  // namespace shoal::fuse
