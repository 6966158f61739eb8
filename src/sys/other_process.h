// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::sys {

// A process this one has no Process of, by its pidfd: what is asked of it never reaches a later
// process of the same number. Move-only, serialized.
class OtherProcess {
 public:
  // not_found when there is no such process.
  [[nodiscard]] static Result<OtherProcess> open(pid_t pid);

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // Readable (POLLIN) once it has ended: every thread of it.
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
  // Sends a signal; one to a process that has ended is ignored.
  [[nodiscard]] Result<void> signal(int number) const;
  // Whether it has ended, waiting no longer than `patience`.
  [[nodiscard]] bool wait(Duration patience) const;
  // If it is a child of this process nobody waits for, and has ended: takes note, so that it does
  // not stay a zombie for as long as we live. Else nothing.
  void reap() const;
  // Our own descriptor (close-on-exec) of what its descriptor `fd` is open on: the same open file,
  // not a second one. permission: the kernel wants the right to trace the process; not_found: it
  // has ended or has no such descriptor.
  [[nodiscard]] Result<Fd> copy_descriptor(int fd) const;

 private:
  OtherProcess(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  Fd pidfd_;
};

}  // namespace shoal::sys
