// SPDX-License-Identifier: Apache-2.0
#include "sys/other_process.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "sys/pidfd.h"

namespace shoal::sys {
namespace {

std::string name_of(pid_t pid) {
  return "process " + std::to_string(pid);
}

}  // namespace

Result<OtherProcess> OtherProcess::open(pid_t pid) {
  Fd pidfd = open_pidfd(pid);
  if (pidfd.valid()) return OtherProcess(pid, std::move(pidfd));
  // EINVAL: no process has such a number.
  if (errno == ESRCH || errno == EINVAL)
    return fail(ErrorCode::not_found, "open " + name_of(pid) + ": it has ended");
  return fail(errno_error(errno, "open " + name_of(pid)));
}

Result<void> OtherProcess::signal(int number) const {
  return send_signal(pidfd_.get(), pid_, number);
}

bool OtherProcess::wait(Duration patience) const {
  return has_ended(pidfd_.get(), patience).value_or(false);
}

void OtherProcess::reap() const {
  siginfo_t end{};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &end, WEXITED | WNOHANG);
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
