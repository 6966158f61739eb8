// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/keeper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "frontend/fuse/bounds.h"
#include "frontend/fuse/report.h"
#include "sys/file.h"
#include "sys/process.h"

namespace shoal::fuse {
namespace {

// The keeper's own bounds, and a little to undo things and say so.
constexpr auto kMountWait =
    bounds::kServerStartTimeout + bounds::kMountTimeout + 2 * bounds::kServerStopTimeout;
// The keeper's numbers for what it inherits.
constexpr int kOptionsFd = 3;
constexpr int kReportFd = 4;
constexpr int kAdoptFd = 5;

Result<sys::Fd> options_file(const KeeperOptions& options) {
  sys::Fd file(::memfd_create("shoal-keeper-options", MFD_CLOEXEC));
  if (!file.valid()) return fail(sys::errno_error(errno, "make a memory file"));
  const std::string text = encode_keeper_options(options);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(sys::errno_error(errno, "write keeper options"));
  return file;
}

Result<MountState> await_report(int fd) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  const auto limit = std::chrono::milliseconds(kMountWait).count();
  int events = 0;
  do {
    events = ::poll(&ready, 1, static_cast<int>(limit));
  } while (events < 0 && errno == EINTR);
  if (events == 0)
    return fail(ErrorCode::timeout, "wait for the keeper: it did not finish mounting in time");
  std::string text(kReportBytesMax, '\0');
  const ssize_t bytes = ::read(fd, text.data(), text.size());
  if (bytes <= 0)
    return fail(ErrorCode::unavailable, "wait for the keeper: it died before the mount was usable");
  text.resize(static_cast<std::size_t>(bytes));
  SHOAL_TRY(const std::string state, decode_report(text));
  return decode_mount_state(state);
}

}  // namespace

Result<MountState> start_keeper(const KeeperOptions& options,
                                const std::vector<std::string>& keeper_command, int adopted_fd) {
  if (keeper_command.empty())
    return fail(ErrorCode::bad_input, "start the keeper: its command is empty");
  SHOAL_TRY(const sys::Fd file, options_file(options));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(sys::errno_error(errno, "make a pipe"));
  const sys::Fd read_end(ends[0]);
  sys::Fd write_end(ends[1]);
  sys::SpawnOptions spawn;
  spawn.arguments = keeper_command;
  spawn.arguments.insert(spawn.arguments.end(), {"--options-fd", std::to_string(kOptionsFd),
                                                 "--report-fd", std::to_string(kReportFd)});
  spawn.inherited_fds = {{file.get(), kOptionsFd}, {write_end.get(), kReportFd}};
  if (adopted_fd >= 0) {
    spawn.arguments.insert(spawn.arguments.end(), {"--adopt-fd", std::to_string(kAdoptFd)});
    spawn.inherited_fds.push_back({adopted_fd, kAdoptFd});
  }
  spawn.output_file = options.log_file;
  // One that mounts leaves our session when it has (Keeper::start).
  spawn.new_session = adopted_fd >= 0;
  SHOAL_TRY(auto keeper, sys::Process::spawn(spawn));
  write_end = sys::Fd();  // so that the keeper's death is the end of the pipe
  auto state = await_report(read_end.get());
  if (state) return state;
  // It has undone everything before it reported; a keeper that hangs is told to.
  ignore(keeper.signal(SIGTERM), "it is gone already as a rule");
  ignore(keeper.wait(bounds::kServerStopTimeout), "init inherits what does not end");
  return state;
}

}  // namespace shoal::fuse
