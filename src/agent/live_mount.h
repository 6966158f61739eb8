// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "agent/mount_plan.h"
#include "base/result.h"
#include "frontend/fuse/mount_state.h"
#include "sys/file.h"
#include "sys/other_process.h"

// Bringing a mount up, back, and down: calls that block for as long as a mount takes, for workers.

namespace shoal::agent {

// A mount that is served, and what it takes to notice and survive its keeper's death.
struct LiveMount {
  fuse::MountState state;
  sys::OtherProcess keeper;
  sys::Fd descriptor;  // of /dev/fuse; invalid when it could not be had (see `doubt`)
  enum class How { mounted, found, adopted } how = How::mounted;
  std::optional<Error> doubt;  // why this mount will not survive as much as it should
};
[[nodiscard]] std::string_view name_of(LiveMount::How how) noexcept;

// Mounts an indexed volume at the plan's mount point. What dead processes left there is cleared.
// Errors as fuse::mount.
[[nodiscard]] Result<LiveMount> mount_anew(const MountPlan& plan);

// Whether a keeper is at it, or lives: of an agent that died meanwhile.
[[nodiscard]] bool is_being_mounted(const MountPlan& plan);

// What is to be done when an adoption fails.
enum class Fallback {
  wait,     // the mount stays unserved and its readers wait: the caller tries again
  remount,  // it is given up: its readers get EIO, and it is mounted anew
};
// Brings back a mount that was there: as it is when its keeper lives, of our program and among our
// files, else by a new keeper over `descriptor` (or one borrowed from whoever lives), else mounted
// anew where nothing is left to adopt. The caller goes on holding `descriptor`. Errors as
// fuse::adopt and fuse::mount.
[[nodiscard]] Result<LiveMount> bring_back(const MountPlan& plan, const sys::Fd& descriptor,
                                           Fallback fallback);

// Unmounts, if it is there; its directory goes, too. precondition: files of it are open.
[[nodiscard]] Result<void> take_down(const MountPlan& plan);

// Whether a process runs the same program as this one: the same file, or one of the same content.
[[nodiscard]] bool runs_same_program(int pid);

// Whether a process has the same root directory as this one. A keeper of an earlier container has
// another one, which is deleted with its image: it could start no server then. True when it cannot
// be told.
[[nodiscard]] bool has_same_root(int pid);

}  // namespace shoal::agent
