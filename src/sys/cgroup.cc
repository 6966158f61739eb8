// SPDX-License-Identifier: Apache-2.0
#include "sys/cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "sys/file.h"

namespace shoal::sys {
namespace {

bool is_cgroup2(const std::filesystem::path& directory) {
  struct statfs facts {};
  return ::statfs(directory.c_str(), &facts) == 0 && facts.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace

Result<void> join_cgroup(const std::filesystem::path& directory) {
  const std::string what = "move into cgroup " + directory.string();
  if (!is_cgroup2(directory) && !is_cgroup2(directory.parent_path()))
    return fail(ErrorCode::bad_input, what + ": neither it nor its parent is a cgroup v2 directory",
                "Name one below the place where cgroup2 is mounted, as /sys/fs/cgroup/shoal; in a "
                "container mount the host's /sys/fs/cgroup, writable.");
  constexpr mode_t kMode = 0755;
  if (::mkdir(directory.c_str(), kMode) != 0 && errno != EEXIST)
    return fail(errno_error(errno, what + ": make it"));
  const std::string members = (directory / "cgroup.procs").string();
  const Fd file(::open(members.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return fail(errno_error(errno, what + ": open " + members));
  // 0 is the writer itself, whatever its number is elsewhere.
  if (::write(file.get(), "0", 1) == 1) return {};
  if (errno == EBUSY)
    return fail(ErrorCode::precondition,
                what + ": it hands controllers to its children and may hold no processes itself",
                "Name a cgroup whose cgroup.subtree_control is empty.");
  return fail(errno_error(errno, what));
}

}  // namespace shoal::sys
