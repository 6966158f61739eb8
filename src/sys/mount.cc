// SPDX-License-Identifier: Apache-2.0
#include "sys/mount.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "sys/file.h"
#include "sys/loop_device.h"
#include "sys/other_process.h"
#include "sys/process.h"

namespace shoal::sys {
namespace {

constexpr unsigned long kMountFlags = MS_RDONLY | MS_NODEV | MS_NOSUID;

constexpr const char* kMountRemedy =
    "Run as root or with CAP_SYS_ADMIN (in a container: privileged, with /dev/fuse)";

Error mount_error(int error, const std::string& what) {
  if (error == EPERM || error == EACCES) return errno_error(error, what).with_remedy(kMountRemedy);
  if (error == ENODEV)
    return Error(ErrorCode::unsupported, what + ": this kernel has no such file system",
                 "Load its module (modprobe erofs fuse) or use a kernel that has it.");
  return errno_error(error, what);
}

Result<void> mount_erofs(const std::string& source, const std::filesystem::path& directory,
                         const std::string& options) {
  if (::mount(source.c_str(), directory.c_str(), "erofs", kMountFlags, options.c_str()) == 0)
    return {};
  const int error = errno;
  const std::string what = "mount EROFS image " + source + " on " + directory.string();
  // ENOTBLK: the kernel wants a block device, because it cannot mount from files or not from this
  // one (overlayfs, FUSE passthrough).
  if (error == ENOTBLK)
    return fail(ErrorCode::unsupported, what + ": this kernel cannot mount this file directly",
                "Use a loop device, or Linux 6.12 or later with "
                "CONFIG_EROFS_FS_BACKED_BY_FILE and the image on a plain file system.");
  if (error == EINVAL || error == EUCLEAN)
    return fail(ErrorCode::io,
                what + ": the kernel refuses the image or the options \"" + options + "\"",
                "See the kernel log (dmesg) for the reason; rebuild the image if it says so.");
  return fail(mount_error(error, what));
}

int flags_of(Unmount how) {
  switch (how) {
    case Unmount::now:
      return UMOUNT_NOFOLLOW;
    case Unmount::lazy:
      return UMOUNT_NOFOLLOW | MNT_DETACH;
    case Unmount::abort:
      break;
  }
  return UMOUNT_NOFOLLOW | MNT_DETACH | MNT_FORCE;
}

Error unmount_error(int error, const std::filesystem::path& directory) {
  const std::string what = "unmount " + directory.string();
  if (error == EINVAL)
    return Error(ErrorCode::not_found, what + ": nothing is mounted there",
                 "See /proc/mounts for what is.");
  if (error == EBUSY)
    return Error(ErrorCode::precondition, what + ": files or directories on it are in use",
                 "Find the users with fuser -vm " + directory.string() +
                     ", or detach the mount with `shoal umount --force`.");
  return mount_error(error, what);
}

}  // namespace

Result<void> mount_fuse(int fd, const std::filesystem::path& directory, const std::string& source,
                        const FuseMountOptions& options) {
  std::string data = "fd=" + std::to_string(fd) +
                     ",rootmode=40000,user_id=" + std::to_string(getuid()) +
                     ",group_id=" + std::to_string(getgid());
  if (options.allow_other) data += ",allow_other";
  if (options.max_read_bytes != 0) data += ",max_read=" + std::to_string(options.max_read_bytes);
  const std::string type = options.subtype.empty() ? "fuse" : "fuse." + options.subtype;
  if (::mount(source.c_str(), directory.c_str(), type.c_str(), kMountFlags, data.c_str()) != 0)
    return fail(mount_error(errno, "mount FUSE on " + directory.string()));
  return {};
}

Result<void> mount_erofs_file(const std::filesystem::path& image,
                              const std::filesystem::path& directory, const std::string& options) {
  return mount_erofs(image.string(), directory, options);
}

Result<LoopMount> mount_erofs_loop(const std::filesystem::path& image,
                                   const std::filesystem::path& directory,
                                   const std::string& options) {
  // The device frees itself when its last user goes: this object now, the mount later.
  SHOAL_TRY(const LoopDevice device, LoopDevice::attach(image));
  SHOAL_CHECK_OK(mount_erofs(device.path(), directory, options));
  return LoopMount{device.path(), device.direct_io()};
}

Result<Fd> open_fuse_connections() {
  const char* what = "open the table of FUSE connections (fusectl)";
  const Fd context(fsopen("fusectl", FSOPEN_CLOEXEC));
  if (!context.valid()) return fail(mount_error(errno, what));
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return fail(mount_error(errno, what));
  Fd mounted(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mounted.valid()) return fail(mount_error(errno, what));
  return mounted;
}

Result<void> unmount(const std::filesystem::path& directory, Unmount how) {
  if (::umount2(directory.c_str(), flags_of(how)) == 0) return {};
  return fail(unmount_error(errno, directory));
}

Result<void> unmount_within(const std::filesystem::path& directory, Unmount how,
                            Duration patience) {
  const int flags = flags_of(how);
  const std::string what = "unmount " + directory.string();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(errno_error(errno, what + ": fork"));
  if (pid == 0) {
    // Between fork and exit of a process with threads: system calls only. It may be stuck for long,
    // so it must hold nothing of ours; a descriptor of /dev/fuse least of all.
    ::close_range(0, ~0u, 0);
    ::_exit(::umount2(directory.c_str(), flags) == 0 ? 0 : errno);
  }
  // Not reaped after a timeout: it stays a zombie, once it ends, for as long as we live.
  SHOAL_TRY(const OtherProcess child, OtherProcess::open(pid));
  if (!child.wait(patience))
    return fail(ErrorCode::timeout, what + ": the kernel waits for a server that does not answer");
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
    return fail(ErrorCode::io, what + ": the process doing it died");
  if (WEXITSTATUS(status) == 0) return {};
  return fail(unmount_error(WEXITSTATUS(status), directory));
}

bool kernel_has_filesystem(const std::string& name) {
  const auto is_listed = [&name] {
    const auto text = read_text_file("/proc/filesystems", 1 << 20);
    // A line is "nodev<tab>name" or "<tab>name".
    return text && text->find("\t" + name + "\n") != std::string::npos;
  };
  if (is_listed()) return true;
  constexpr auto kPatience = std::chrono::seconds(10);  // module loading reads the disk
  auto modprobe = Process::spawn({.arguments = {"modprobe", "-q", name}});
  if (modprobe) ignore(modprobe->wait(kPatience), "what counts is whether it is listed now");
  return is_listed();
}

KernelVersion parse_kernel_version(std::string_view release) {
  KernelVersion version;
  const char* end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return {};
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc()) return {};
  return version;
}

KernelVersion kernel_version() {
  utsname name{};
  if (uname(&name) != 0) return {};
  return parse_kernel_version(name.release);
}

}  // namespace shoal::sys
