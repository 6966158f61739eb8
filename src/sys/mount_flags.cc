// SPDX-License-Identifier: Apache-2.0
#include "sys/mount_flags.h"

#include <sys/mount.h>

#include <cerrno>

#include "sys/file.h"

namespace shoal::sys {

Result<void> forbid_execution(const std::filesystem::path& mount_point) {
  // With MS_BIND a remount changes this mount, not the file system; it sets all flags anew.
  constexpr unsigned long kFlags =
      MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC;
  if (::mount(nullptr, mount_point.c_str(), nullptr, kFlags, nullptr) == 0) return {};
  return fail(errno_error(errno, "forbid execution on " + mount_point.string()));
}

}  // namespace shoal::sys
