// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "sys/file.h"
#include "sys/mount.h"

namespace shoal::fuse {
namespace {

// /dev/fuse: Documentation/admin-guide/devices.txt of the kernel.
constexpr unsigned kMiscMajor = 10;
constexpr unsigned kFuseMinor = 229;
constexpr std::uint64_t kFdinfoBytesMax = 4096;

bool is_fuse(const struct stat& facts) {
  return S_ISCHR(facts.st_mode) && facts.st_rdev == makedev(kMiscMajor, kFuseMinor);
}

}  // namespace

bool is_fuse_device(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 && is_fuse(facts);
}

bool is_fuse_device(const std::filesystem::path& proc_link) {
  struct stat facts {};
  return ::stat(proc_link.c_str(), &facts) == 0 && is_fuse(facts);
}

bool is_connected(int fuse_fd) {
  if (fuse_fd < 0) return false;
  // Before the mount and after the end the device reports an error.
  pollfd entry{.fd = fuse_fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) >= 0 && (entry.revents & (POLLERR | POLLNVAL)) == 0;
}

std::optional<std::string> device_of(int fuse_fd) {
  const auto text =
      sys::read_text_file("/proc/self/fdinfo/" + std::to_string(fuse_fd), kFdinfoBytesMax);
  if (!text) return std::nullopt;
  constexpr std::string_view kField = "\nfuse_connection:\t";
  const std::size_t at = text->find(kField);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + kField.size();
  return "0:" + text->substr(begin, text->find('\n', begin) - begin);
}

Result<void> abort_connection(int fuse_fd, const std::string& device) {
  if (!is_connected(fuse_fd)) return {};
  const std::string number = device.substr(device.find(':') + 1);
  SHOAL_TRY(const sys::Fd connections, sys::open_fuse_connections());
  const std::string name = number + "/abort";
  const sys::Fd abort(::openat(connections.get(), name.c_str(), O_WRONLY | O_CLOEXEC));
  const int error = errno;
  // Still connected after the open: so the file is of this connection and none that came later.
  if (!is_connected(fuse_fd)) return {};
  const std::string what = "abort FUSE connection " + number;
  if (!abort.valid()) return fail(sys::errno_error(error, what));
  if (::write(abort.get(), "1", 1) != 1) return fail(sys::errno_error(errno, what));
  return {};
}

}  // namespace shoal::fuse
