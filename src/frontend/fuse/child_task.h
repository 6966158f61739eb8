// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::fuse {

// Work in a forked child: whatever may wait for our own server (mount, umount, reading the mount,
// /proc/PID/maps of a process that waits for it) is done there, so that the keeper itself never
// waits and can restart the server meanwhile.
//
// Only for processes with one thread. Thread model: confined.
class ChildTask {
 public:
  using Work = std::move_only_function<Result<std::string>()>;

  // `name` for error messages: "mount EROFS on /mnt". The child closes `close_in_child` first: a
  // descriptor of /dev/fuse it kept would keep a dead connection alive.
  [[nodiscard]] static Result<ChildTask> start(std::string name,
                                               std::span<const int> close_in_child, Work work);
  ChildTask(ChildTask&& other) noexcept;
  ~ChildTask();  // kills it; leaves a child that even SIGKILL cannot end to init

  // Readable once the child reported or died.
  [[nodiscard]] int fd() const noexcept { return report_.get(); }
  // The outcome; call when fd() is readable.
  [[nodiscard]] Result<std::string> take_result();
  // Waits for the outcome; timeout when `limit` passes first (the destructor then kills it).
  [[nodiscard]] Result<std::string> wait(Duration limit);

 private:
  ChildTask(std::string name, pid_t pid, sys::Fd report);
  std::string name_;
  pid_t pid_ = -1;
  sys::Fd report_;
};

}  // namespace shoal::fuse
