// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace shoal::sys {

// How gladly the kernel ends a process when memory is short: -1000 (never) to 1000 (first), 0 by
// itself. A child inherits it. Service managers and kubelet give what must live a low one.

// 0 also when it cannot be told.
[[nodiscard]] int oom_score_adj(pid_t pid);
// False without the right to (lower than it was needs CAP_SYS_RESOURCE), and when there is no such
// process.
bool set_oom_score_adj(pid_t pid, int score);

}  // namespace shoal::sys
