// SPDX-License-Identifier: Apache-2.0
#include "sys/pidfd.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

namespace shoal::sys {

Fd open_pidfd(pid_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

Result<bool> has_ended(int pidfd, Duration patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::max(end - std::chrono::steady_clock::now(), Duration::zero()));
    pollfd entry{pidfd, POLLIN, 0};
    const int ready =
        ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1 << 30)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return fail(errno_error(errno, "wait for a process"));
  }
}

Result<void> send_signal(int pidfd, pid_t pid, int number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) != 0 && errno != ESRCH)
    return fail(errno_error(errno, "signal process " + std::to_string(pid)));
  return {};
}

}  // namespace shoal::sys
