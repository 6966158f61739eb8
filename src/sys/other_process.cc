// SPDX-License-Identifier: Apache-2.0
#include "sys/other_process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

namespace shoal::sys {
namespace {

std::string name_of(pid_t pid) {
  return "process " + std::to_string(pid);
}

}  // namespace

Result<OtherProcess> OtherProcess::open(pid_t pid) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd.valid()) return OtherProcess(pid, std::move(pidfd));
  // EINVAL: no process has such a number.
  if (errno == ESRCH || errno == EINVAL)
    return fail(ErrorCode::not_found, "open " + name_of(pid) + ": it has ended");
  return fail(errno_error(errno, "open " + name_of(pid)));
}

Result<void> OtherProcess::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0 && errno != ESRCH)
    return fail(errno_error(errno, "signal " + name_of(pid_)));
  return {};
}

bool OtherProcess::wait(Duration patience) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::max(end - std::chrono::steady_clock::now(), Duration::zero()));
    pollfd entry{pidfd_.get(), POLLIN, 0};
    const int ready =
        ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1 << 30)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return false;
  }
}

Result<Fd> OtherProcess::copy_descriptor(int fd) const {
  Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd_.get(), fd, 0)));
  if (copy.valid()) return copy;
  const std::string what = "copy descriptor " + std::to_string(fd) + " of " + name_of(pid_);
  switch (errno) {
    case ESRCH:
      return fail(ErrorCode::not_found, what + ": it has ended");
    case EBADF:
      return fail(ErrorCode::not_found, what + ": it has no such descriptor");
    case EPERM:
      return fail(ErrorCode::permission, what + ": not allowed",
                  "This needs CAP_SYS_PTRACE (in a container: privileged, or capabilities.add: "
                  "SYS_PTRACE, and the host's process ids), and kernel.yama.ptrace_scope below 3.");
    default:
      return fail(errno_error(errno, what));
  }
}

}  // namespace shoal::sys
