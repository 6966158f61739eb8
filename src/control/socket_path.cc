// SPDX-License-Identifier: Apache-2.0
#include "control/socket_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace shoal::control {
namespace {

constexpr std::size_t kBytesMax = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

Result<SocketPath> SocketPath::of(const std::filesystem::path& socket) {
  if (socket.string().size() <= kBytesMax) return SocketPath(socket.string(), -1);
  const auto directory = socket.parent_path();
  const int fd = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    return fail(error == EACCES || error == EPERM ? ErrorCode::permission : ErrorCode::not_found,
                fmt::format("directory {}: {}", directory.string(), std::strerror(error)),
                "Check that it exists and can be entered.");
  }
  SocketPath path(fmt::format("/proc/self/fd/{}/{}", fd, socket.filename().string()), fd);
  if (path.name_.size() > kBytesMax)
    return fail(ErrorCode::bad_input,
                fmt::format("socket {}: its name is longer than a unix socket may have",
                            socket.filename().string()),
                fmt::format("Give a name of at most {} bytes.", kBytesMax - 30));
  return path;
}

SocketPath::SocketPath(SocketPath&& other) noexcept
    : name_(std::move(other.name_)), directory_fd_(std::exchange(other.directory_fd_, -1)) {}

SocketPath::~SocketPath() {
  if (directory_fd_ >= 0) close(directory_fd_);
}

}  // namespace shoal::control
