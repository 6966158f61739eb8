// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "frontend/fuse/mount_state.h"

namespace shoal::fuse {

// Ends the servers a dead keeper left: `known`, and any it had started but not written down, which
// are found by their session file and their /dev/fuse descriptor. SIGTERM, so that they finish what
// they read, then SIGKILL. timeout when one does not end even then.
//
// Call with the mount's lock held, so that no keeper starts another.
[[nodiscard]] Result<void> end_old_servers(const MountPaths& paths, const ProcessId& known);

}  // namespace shoal::fuse
