// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::sys {

// A descriptor of a process; invalid, with errno, when there is none.
[[nodiscard]] Fd open_pidfd(pid_t pid);
// Whether the process has ended, waiting no longer than `patience`.
[[nodiscard]] Result<bool> has_ended(int pidfd, Duration patience);
// Sends a signal; one to a process that has ended is ignored. `pid` is for the error's text.
[[nodiscard]] Result<void> send_signal(int pidfd, pid_t pid, int number);

}  // namespace shoal::sys
