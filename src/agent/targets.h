// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/mount.h"

namespace shoal::agent {

// The directories at which volumes are shown, in other programs' trees: bind mounts of the agent's
// own mount points. Everything is decided by the kernel's table of mounts; no file system is asked,
// since any may be dead.
//
// Thread model: synchronized: one change at a time.
class Targets {
 public:
  // Mounts of the agent are at `mounts_directory`/NAME, their images below `runtime_directory`.
  Targets(std::filesystem::path runtime_directory, std::filesystem::path mounts_directory)
      : runtime_directory_(std::move(runtime_directory)),
        mounts_directory_(std::move(mounts_directory)) {}

  // `is_ours`: what is mounted at the target, if anything, was bound by us for this volume. A
  // mount of the same file system is left as it is; a dead one of ours is replaced. On failure no
  // directory is left that this call made. Errors: bad_input, not_found (no parent), precondition
  // (something else is mounted there, it holds files, or is no directory), unavailable (nothing is
  // mounted at `mount_point`).
  [[nodiscard]] Result<void> show(const std::filesystem::path& mount_point,
                                  const std::filesystem::path& target, bool is_ours);
  // Shows it again where show() did: made anew, taken away by hand, or dead. `wanted` is asked when
  // no other call can change a target any more; false when it says no. Errors as show().
  [[nodiscard]] Result<bool> restore(const std::filesystem::path& mount_point,
                                     const std::filesystem::path& target,
                                     const std::function<bool()>& wanted);
  // Those of `targets` at which the file system at `mount_point` is not seen, by one look at the
  // kernel's table: it may have changed when this returns. All of them when there is none.
  [[nodiscard]] Result<std::vector<std::filesystem::path>> missing(
      const std::filesystem::path& mount_point,
      const std::vector<std::filesystem::path>& targets) const;
  // Takes away what is mounted there, dead or alive, and the directory. precondition: a file system
  // of somebody else is mounted there, or the directory holds files.
  [[nodiscard]] Result<void> hide(const std::filesystem::path& target, bool is_ours);

 private:
  Result<void> show_locked(const std::filesystem::path& mount_point,
                           const std::filesystem::path& target, bool is_ours);
  // A mount of the agent, or a dead one of Shoal; not one that somebody made with `shoal mount`.
  [[nodiscard]] bool is_agents(const sys::MountEntry& entry) const;

  const std::filesystem::path runtime_directory_;
  const std::filesystem::path mounts_directory_;
  std::mutex mutex_;
};

// Absolute, in normal form, not too long for the kernel: what may come from outside. bad_input.
[[nodiscard]] Result<void> check_path(const char* what, const std::filesystem::path& path);

}  // namespace shoal::agent
