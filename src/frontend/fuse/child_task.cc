// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/child_task.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "frontend/fuse/report.h"

namespace shoal::fuse {
namespace {

// How long a killed child may take to disappear before it is left to init.
constexpr int kReapTries = 50;
constexpr int kReapPauseMs = 2;

[[noreturn]] void run_child(int report_fd, pid_t parent, std::span<const int> close_in_child,
                            ChildTask::Work& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above
  for (const int fd : close_in_child)
    if (fd >= 0) ::close(fd);
  const auto result = work();
  if (result)
    report_success(report_fd, *result);
  else
    report_failure(report_fd, result.error());
  ::_exit(0);
}

}  // namespace

Result<ChildTask> ChildTask::start(std::string name, std::span<const int> close_in_child,
                                   Work work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return fail(sys::errno_error(errno, name + ": make a pipe"));
  sys::Fd read_end(ends[0]);
  const sys::Fd write_end(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(sys::errno_error(errno, name + ": fork"));
  if (pid == 0) run_child(write_end.get(), parent, close_in_child, work);
  return ChildTask(std::move(name), pid, std::move(read_end));
}

ChildTask::ChildTask(std::string name, pid_t pid, sys::Fd report)
    : name_(std::move(name)), pid_(pid), report_(std::move(report)) {}

ChildTask::ChildTask(ChildTask&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, -1)),
      report_(std::move(other.report_)) {}

ChildTask::~ChildTask() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  for (int i = 0; i < kReapTries; ++i) {
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;
    ::poll(nullptr, 0, kReapPauseMs);
  }
}

Result<std::string> ChildTask::take_result() {
  std::string text(kReportBytesMax, '\0');
  const ssize_t bytes = ::read(report_.get(), text.data(), text.size());
  if (bytes <= 0)
    return fail(ErrorCode::io, name_ + ": the process doing it died without saying why");
  text.resize(static_cast<std::size_t>(bytes));
  return decode_report(text);
}

Result<std::string> ChildTask::wait(Duration limit) {
  const TimePoint deadline = system_clock().now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - system_clock().now());
    pollfd entry{.fd = report_.get(), .events = POLLIN, .revents = 0};
    const int ready = left.count() > 0 ? ::poll(&entry, 1, static_cast<int>(left.count())) : 0;
    if (ready > 0) return take_result();
    if (ready < 0 && errno == EINTR) continue;
    return fail(ErrorCode::timeout,
                name_ + ": not done within " +
                    std::to_string(std::chrono::ceil<std::chrono::seconds>(limit).count()) + " s");
  }
}

}  // namespace shoal::fuse
