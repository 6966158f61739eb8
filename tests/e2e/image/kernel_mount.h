// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace shoal::image {

// mount(2) by number: <sys/mount.h> and <linux/mount.h> do not go together, and a project folder
// named sys/ stands before the system's.
inline int mount_call(const char* source, const char* target, const char* type, unsigned long flags,
                      const char* options) {
  return static_cast<int>(syscall(SYS_mount, source, target, type, flags, options));
}
inline int umount_call(const char* target, int flags) {
  return static_cast<int>(syscall(SYS_umount2, target, flags));
}
inline constexpr int kUmountDetach = 2;  // MNT_DETACH

// Why real mounts cannot be tried here; empty when they can. Enters a mount namespace of its own,
// so that nothing stays mounted when the process dies, however it dies.
inline std::string enter_mount_namespace() {
  static const std::string reason = []() -> std::string {
    if (geteuid() != 0) return "not root: mount(2) is not allowed";
    std::ifstream list("/proc/filesystems");
    const std::string known((std::istreambuf_iterator<char>(list)), {});
    if (known.find("\terofs\n") == std::string::npos && std::system("modprobe -q erofs") != 0)
      return "this kernel has no EROFS";
    if (unshare(CLONE_NEWNS) != 0 ||
        mount_call("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return std::string("no mount namespace: ") + std::strerror(errno);
    return {};
  }();
  return reason;
}

// A folder removed with all it holds.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "shoal-image-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  TempFolder(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

enum class MountKind { file_backed, file_backed_directio, loop };

// A read-only EROFS mount of an image file, gone with this object.
class KernelMount {
 public:
  // The errno of what failed, or 0.
  int attach(const std::filesystem::path& image, const std::filesystem::path& target,
             MountKind kind) {
    std::filesystem::create_directories(target);
    std::string source = image.string();
    if (kind == MountKind::loop) {
      if (const int error = attach_loop(image); error != 0) return error;
      source = "/dev/loop" + std::to_string(loop_number_);
    }
    const char* options = kind == MountKind::file_backed_directio ? "directio" : nullptr;
    if (mount_call(source.c_str(), target.c_str(), "erofs", MS_RDONLY, options) != 0) return errno;
    target_ = target;
    return 0;
  }
  KernelMount() = default;
  KernelMount(const KernelMount&) = delete;
  ~KernelMount() {
    if (!target_.empty() && umount_call(target_.c_str(), 0) != 0)
      umount_call(target_.c_str(), kUmountDetach);
    if (loop_fd_ >= 0) close(loop_fd_);  // detaches: autoclear
  }

 private:
  int attach_loop(const std::filesystem::path& image) {
    const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return errno;
    const int backing = open(image.c_str(), O_RDONLY | O_CLOEXEC);
    int error = backing < 0 ? errno : EBUSY;
    // Another process may take the free device between the two calls.
    for (int attempt = 0; attempt < 20 && error == EBUSY; ++attempt) {
      loop_number_ = ioctl(control, LOOP_CTL_GET_FREE);
      if (loop_number_ < 0) {
        error = errno;
        break;
      }
      loop_fd_ = open(("/dev/loop" + std::to_string(loop_number_)).c_str(), O_RDONLY | O_CLOEXEC);
      loop_config config{};
      config.fd = static_cast<unsigned>(backing);
      config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
      error = loop_fd_ >= 0 && ioctl(loop_fd_, LOOP_CONFIGURE, &config) == 0 ? 0 : errno;
      if (error != 0 && loop_fd_ >= 0) close(std::exchange(loop_fd_, -1));
    }
    if (backing >= 0) close(backing);
    close(control);
    return error;
  }

  std::filesystem::path target_;
  int loop_fd_ = -1;
  int loop_number_ = -1;
};

}  // namespace shoal::image
