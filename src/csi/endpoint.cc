// SPDX-License-Identifier: Apache-2.0
#include "csi/endpoint.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "sys/file.h"

namespace shoal::csi {
namespace {

// Whether somebody accepts connections.
bool is_served(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
  const sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return false;
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return true;
  return errno == EAGAIN;  // its queue is full
}

}  // namespace

Result<std::filesystem::path> parse_endpoint(std::string_view text) {
  const std::string shown(text);
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorCode::bad_input, "endpoint '" + shown + "': " + why,
                "Write it like unix:///csi/csi.sock, in --endpoint or $CSI_ENDPOINT.");
  };
  if (text.empty()) return refuse("it is not set");
  if (text.starts_with("unix:")) {
    text.remove_prefix(5);
    if (text.starts_with("//")) {
      text.remove_prefix(text.starts_with("///") ? 2 : 1);
    }
  }
  if (!text.starts_with('/')) return refuse("not an absolute path of a unix socket");
  if (!text.ends_with(".sock") || text.ends_with("/.sock"))
    return refuse("it does not end in .sock");
  if (text.find_first_of("%?#") != std::string_view::npos)
    return refuse("'%', '?' and '#' mean something in addresses, and gRPC would use another path");
  if (text.size() >= sizeof(sockaddr_un::sun_path))
    return refuse("longer than the " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                  " bytes a socket's path may have");
  return std::filesystem::path(text).lexically_normal();
}

Result<void> check_can_listen(const std::filesystem::path& socket) {
  struct stat status {};
  const auto directory = socket.parent_path();
  if (stat(directory.c_str(), &status) != 0)
    return fail(sys::errno_error(errno, "directory of the endpoint, " + directory.string())
                    .with_remedy("Create it; in a pod, mount it from the host."));
  if (!S_ISDIR(status.st_mode) || access(directory.c_str(), W_OK) != 0)
    return fail(ErrorCode::io, "endpoint " + socket.string() + ": its directory cannot be written");
  if (lstat(socket.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return fail(ErrorCode::precondition, "endpoint " + socket.string() + ": a file is in its place",
                "Remove it, or choose another endpoint.");
  if (is_served(socket))
    return fail(ErrorCode::precondition,
                "endpoint " + socket.string() + ": another process serves it",
                "Stop it first: two drivers cannot share a socket.");
  return {};
}

}  // namespace shoal::csi
