// SPDX-License-Identifier: Apache-2.0
#include "sys/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

namespace shoal::sys {
namespace {

// Another process may take the number LOOP_CTL_GET_FREE named before we configure it.
constexpr int kAttemptsMax = 64;

Error attach_error(int error, const std::string& what) {
  constexpr const char* kRemedy =
      "Loop devices are needed: load the module (modprobe loop) and, in a container, hand in "
      "/dev/loop-control and /dev/loop*";
  return errno_error(error, what).with_remedy(kRemedy);
}

int configure(int device, int file, const std::filesystem::path& path, bool direct_io) {
  loop_config config{};
  config.fd = static_cast<__u32>(file);
  config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  if (direct_io) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
  // Shown by losetup; the kernel keeps 63 characters.
  std::strncpy(reinterpret_cast<char*>(config.info.lo_file_name), path.c_str(), LO_NAME_SIZE - 1);
  return ioctl(device, LOOP_CONFIGURE, &config) == 0 ? 0 : errno;
}

bool uses_direct_io(int device) {
  loop_info64 info{};
  return ioctl(device, LOOP_GET_STATUS64, &info) == 0 && (info.lo_flags & LO_FLAGS_DIRECT_IO) != 0;
}

}  // namespace

Result<LoopDevice> LoopDevice::attach(const std::filesystem::path& path) {
  SHOAL_TRY(const File file, File::open(path, File::Mode::read_only));
  const Fd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control.valid()) return fail(attach_error(errno, "open /dev/loop-control"));
  const std::string what = "attach a loop device to " + path.string();
  bool direct_io = true;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return fail(attach_error(errno, what));
    std::string device_path = "/dev/loop" + std::to_string(number);
    Fd device(open(device_path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!device.valid()) return fail(attach_error(errno, "open " + device_path));
    const int error = configure(device.get(), file.fd(), path, direct_io);
    if (error == 0) {
      const bool is_direct = uses_direct_io(device.get());
      return LoopDevice(std::move(device), std::move(device_path), is_direct);
    }
    // EINVAL: some kernels refuse direct I/O that the file system below cannot do.
    if (error == EINVAL && direct_io) {
      direct_io = false;
      continue;
    }
    if (error != EBUSY) return fail(attach_error(error, what));
  }
  return fail(ErrorCode::unavailable, what + ": other processes took every free device first",
              "Try again.");
}

}  // namespace shoal::sys
