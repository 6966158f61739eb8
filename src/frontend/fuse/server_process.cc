// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "frontend/fuse/bounds.h"
#include "frontend/fuse/report.h"
#include "sys/oom_score.h"

namespace shoal::fuse {
namespace {

// The child's number for the pipe; the command line names both.
constexpr int kReadyFd = 4;

}  // namespace

Result<ServerProcess> ServerProcess::start(const Start& start) {
  if (start.command.empty())
    return fail(ErrorCode::bad_input, "start the server: its command is empty");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(sys::errno_error(errno, "make a pipe"));
  sys::Fd read_end(ends[0]);
  const sys::Fd write_end(ends[1]);
  sys::SpawnOptions options;
  options.arguments = start.command;
  options.arguments.insert(options.arguments.end(),
                           {"--fuse-fd", std::to_string(kFuseFd), "--session",
                            start.session_file.string(), "--ready-fd", std::to_string(kReadyFd)});
  options.inherited_fds = {{start.fuse_fd, kFuseFd}, {write_end.get(), kReadyFd}};
  options.new_session = true;  // Ctrl-C in a foreground mount reaches the keeper alone
  SHOAL_TRY(auto process, sys::Process::spawn(options));
  sys::set_oom_score_adj(process.pid(), start.oom_score_adj);
  return ServerProcess(std::move(process), std::move(read_end));
}

ServerProcess::ServerProcess(sys::Process process, sys::Fd report)
    : process_(std::move(process)),
      id_(process_id_of(process_.pid())),
      started_at_(system_clock().now()),
      report_(std::move(report)) {}

Result<void> ServerProcess::take_report() {
  std::string text(kReportBytesMax, '\0');
  pollfd ready{.fd = report_.get(), .events = POLLIN, .revents = 0};
  const ssize_t bytes =
      ::poll(&ready, 1, 0) > 0 ? ::read(report_.get(), text.data(), text.size()) : 0;
  report_ = sys::Fd();
  if (bytes <= 0)
    return fail(ErrorCode::closed,
                "start the server: it said neither that it is ready nor why not");
  text.resize(static_cast<std::size_t>(bytes));
  auto report = decode_report(text);
  if (!report) return fail(std::move(report).error());
  return {};
}

sys::ExitStatus ServerProcess::reap() {
  const auto status = process_.wait(Duration::zero());
  return status && *status ? **status : sys::ExitStatus{.code = -1, .signal = 0};
}

void ServerProcess::kill() {
  ignore(process_.signal(SIGKILL), "a process that is gone already needs no signal");
}

void ServerProcess::stop(Duration grace) {
  ignore(process_.signal(SIGTERM), "a process that is gone already needs no signal");
  if (const auto ended = process_.wait(grace); ended && *ended) return;
  kill();
  // A killed server can wait inside the kernel for nothing but its own disk.
  ignore(process_.wait(bounds::kServerStopTimeout), "init inherits what does not end");
}

}  // namespace shoal::fuse
