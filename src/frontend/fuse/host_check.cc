// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/host_check.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "frontend/fuse/mount_state.h"
#include "frontend/fuse/mount_table.h"
#include "sys/file.h"

namespace shoal::fuse {
namespace {

constexpr const char* kRootRemedy =
    "Run as root (mounting EROFS needs CAP_SYS_ADMIN); without such rights `shoal ls`, `shoal cat` "
    "and `shoal cp` read the same data";

Result<void> check_device() {
  const sys::Fd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (device.valid()) return {};
  const int error = errno;
  switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return fail(ErrorCode::unsupported, "open /dev/fuse: the kernel has no FUSE here",
                  "Load it with `modprobe fuse`; in a container pass --device /dev/fuse.");
    case EACCES:
    case EPERM:
      return fail(ErrorCode::permission, "open /dev/fuse: not allowed", kRootRemedy);
    default:
      return fail(sys::errno_error(error, "open /dev/fuse"));
  }
}

// Asks the kernel for the file system type, which loads its module; opening a context mounts
// nothing.
Result<void> check_erofs() {
  const long context = ::syscall(SYS_fsopen, "erofs", FSOPEN_CLOEXEC);
  if (context >= 0) {
    const sys::Fd close(static_cast<int>(context));
    return {};
  }
  switch (errno) {
    case ENODEV:
      return fail(
          ErrorCode::unsupported, "the kernel has no EROFS",
          "Load it with `modprobe erofs`, or use a kernel built with CONFIG_EROFS_FS (5.4 or "
          "newer; every current distribution has it).");
    case EPERM:
      return fail(ErrorCode::permission, "mount EROFS: not allowed", kRootRemedy);
    default:
      return fail(sys::errno_error(errno, "open a mount context for EROFS"));
  }
}

}  // namespace

Result<void> check_kernel() {
  SHOAL_CHECK_OK(check_device());
  return check_erofs();
}

Result<void> check_not_covered(const std::filesystem::path& path, std::string_view what,
                               const std::filesystem::path& mount_point) {
  std::error_code failed;
  const auto real = std::filesystem::weakly_canonical(path, failed);
  const auto& covered = mount_point;
  const auto differs = std::ranges::mismatch(covered, failed ? path : real);
  if (differs.in1 != covered.end()) return {};
  return fail(ErrorCode::bad_input,
              "mount point " + covered.string() + ": the " + std::string(what) + " " +
                  path.string() + " is in it and would be hidden by the mount",
              "Mount somewhere else.");
}

Result<void> check_host(const std::filesystem::path& runtime_directory,
                        const std::filesystem::path& mount_point) {
  const std::string name = mount_point.string();
  if (!mount_point.is_absolute())
    return fail(ErrorCode::bad_input, "mount point \"" + name + "\": not an absolute path");
  // The tables before the directory: looking at a mount whose server is gone fails or waits.
  const auto state = load_mount_state(mount_paths(runtime_directory, mount_point).state);
  if (state && (is_alive(state->keeper) || is_alive(state->server)))
    return fail(ErrorCode::precondition,
                "mount point " + name + ": " + state->source + " is mounted there already",
                "Unmount it first: shoal umount " + name);
  SHOAL_TRY(const auto mounted, mount_at(mount_point));
  if (mounted && mounted->fs_type == "erofs") {
    if (state) return check_kernel();
    return fail(ErrorCode::precondition,
                "mount point " + name + ": " + mounted->source + " is mounted there already",
                "Unmount it first: umount " + name);
  }
  SHOAL_CHECK_OK(check_not_covered(runtime_directory, "runtime directory", mount_point));
  struct stat status {};
  if (::stat(mount_point.c_str(), &status) != 0) {
    if (errno == ENOENT)
      return fail(ErrorCode::not_found, "mount point " + name + ": there is no such directory",
                  "Create it with `mkdir -p " + name + "`.");
    return fail(sys::errno_error(errno, "mount point " + name));
  }
  if (!S_ISDIR(status.st_mode))
    return fail(ErrorCode::bad_input, "mount point " + name + ": not a directory",
                "Name an existing directory.");
  return check_kernel();
}

}  // namespace shoal::fuse
