// SPDX-License-Identifier: Apache-2.0
#include "sys/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace shoal::sys {
namespace {

constexpr int kFirstStored = 3;        // SD_LISTEN_FDS_START
constexpr int kStoredMax = 4096;       // a manager's own bound is lower
constexpr int kSendPatienceMs = 2000;  // a manager that takes nothing must not hold us up

std::string taken_from_environment(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  unsetenv(name);
  return text;
}

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t number = 0;
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

// A variable "..._PID" says for whom the others are; without it they are for whoever reads them.
bool is_for_us(const std::string& pid) {
  return pid.empty() || number_of(pid) == static_cast<std::uint64_t>(getpid());
}

std::vector<ServiceManager::Stored> stored_descriptors() {
  const std::string pid = taken_from_environment("LISTEN_PID");
  const auto count = number_of(taken_from_environment("LISTEN_FDS"));
  std::string names = taken_from_environment("LISTEN_FDNAMES");
  std::vector<ServiceManager::Stored> stored;
  if (!is_for_us(pid) || !count || *count > kStoredMax) return stored;
  for (int i = 0; i < static_cast<int>(*count); ++i) {
    const auto colon = names.find(':');
    std::string name = names.substr(0, colon);
    names.erase(0, colon == std::string::npos ? names.size() : colon + 1);
    const int fd = kFirstStored + i;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) continue;  // not open: the count was wrong
    stored.push_back({.name = std::move(name), .descriptor = Fd(fd)});
  }
  return stored;
}

}  // namespace

ServiceManager ServiceManager::of_process() {
  ServiceManager manager;
  manager.address_ = taken_from_environment("NOTIFY_SOCKET");
  const std::string watchdog_pid = taken_from_environment("WATCHDOG_PID");
  const auto interval = number_of(taken_from_environment("WATCHDOG_USEC"));
  if (interval && *interval > 0 && is_for_us(watchdog_pid))
    manager.watchdog_ = std::chrono::microseconds(*interval);
  manager.stored_ = stored_descriptors();
  return manager;
}

Result<void> ServiceManager::notify(std::string_view lines) const {
  return send(lines, -1);
}

Result<void> ServiceManager::store(std::string_view name, const Fd& descriptor) const {
  return send("FDSTORE=1\nFDNAME=" + std::string(name), descriptor.get());
}

Result<void> ServiceManager::forget(std::string_view name) const {
  return send("FDSTOREREMOVE=1\nFDNAME=" + std::string(name), -1);
}

Result<void> ServiceManager::send(std::string_view lines, int descriptor) const {
  if (!present()) return {};
  const std::string what = "notify the service manager at " + address_;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (address_.size() >= sizeof address.sun_path)
    return fail(ErrorCode::bad_input, what + ": the address is too long");
  std::memcpy(address.sun_path, address_.data(), address_.size());
  // An abstract address begins with a zero byte, which the environment cannot hold.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(errno_error(errno, what));
  const timeval patience{.tv_sec = kSendPatienceMs / 1000, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  iovec part{.iov_base = const_cast<char*>(lines.data()),  // sendmsg reads only
             .iov_len = lines.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return fail(errno_error(errno, what));
  return {};
}

}  // namespace shoal::sys
