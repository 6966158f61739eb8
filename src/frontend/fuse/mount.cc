// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/mount.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "base/clock.h"
#include "frontend/fuse/bounds.h"
#include "frontend/fuse/mount_table.h"
#include "frontend/fuse/report.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/process.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

// The keeper's own bounds, and a little to undo things and say so.
constexpr auto kMountWait =
    bounds::kServerStartTimeout + bounds::kMountTimeout + 2 * bounds::kServerStopTimeout;
// The keeper's numbers for what it inherits.
constexpr int kOptionsFd = 3;
constexpr int kReportFd = 4;
constexpr auto kUnmountPoll = std::chrono::milliseconds(20);

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

bool is_mounted(const MountState& state) {
  return has_mount(state.mount_id, state.mount_point);
}

// Takes down what a dead keeper left: its mounts, its server, its files.
Result<void> unmount_orphan(const fs::path& runtime_directory, const MountState& state,
                            bool force) {
  const MountPaths paths = mount_paths(runtime_directory, state.mount_point);
  if (is_mounted(state)) {
    if (force)
      SHOAL_CHECK_OK(sys::unmount(state.mount_point, sys::Unmount::lazy));
    else
      SHOAL_CHECK_OK(unmount_exactly(state.mount_id, state.mount_point));
  }
  if (sys::is_mount_point(paths.fuse).value_or(false))
    SHOAL_CHECK_OK(sys::unmount(paths.fuse, sys::Unmount::lazy));
  if (is_alive(state.server)) ::kill(state.server.pid, SIGTERM);
  const TimePoint deadline = system_clock().now() + bounds::kServerStopTimeout;
  while (is_alive(state.server)) {
    if (system_clock().now() > deadline) ::kill(state.server.pid, SIGKILL);
    ::poll(nullptr, 0, static_cast<int>(kUnmountPoll.count()));
  }
  std::error_code missing;
  fs::remove_all(paths.directory, missing);
  fs::remove(paths.state, missing);
  fs::remove(paths.lock, missing);
  return {};
}

Result<void> unmount_through_keeper(const fs::path& state_file, const MountState& before,
                                    bool force) {
  if (::kill(before.keeper.pid, force ? SIGQUIT : SIGTERM) != 0)
    return fail(sys::errno_error(errno, "signal keeper " + std::to_string(before.keeper.pid)));
  const TimePoint deadline = system_clock().now() + bounds::kUnmountWait;
  while (is_alive(before.keeper)) {
    const auto now = load_mount_state(state_file);
    if (now && now->unmount_tries > before.unmount_tries) {
      auto refused = decode_report(now->unmount_error);
      if (!refused) return fail(std::move(refused).error());
    }
    if (system_clock().now() > deadline)
      return fail(ErrorCode::timeout,
                  "unmount " + before.mount_point.string() + ": keeper " +
                      std::to_string(before.keeper.pid) + " has not finished within " +
                      std::to_string(bounds::kUnmountWait.count()) + " s",
                  "See the log " + before.log_file.string() + "; detach the mount with --force.");
    ::poll(nullptr, 0, static_cast<int>(kUnmountPoll.count()));
  }
  return {};
}

}  // namespace

Result<MountState> mount(const KeeperOptions& options,
                         const std::vector<std::string>& keeper_command) {
  if (keeper_command.empty())
    return fail(ErrorCode::bad_input, "mount: the keeper's command is empty");
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
  spawn.output_file = options.log_file;
  spawn.new_session = true;
  SHOAL_TRY(auto keeper, sys::Process::spawn(spawn));
  write_end = sys::Fd();  // so that the keeper's death is the end of the pipe
  auto state = await_report(read_end.get());
  if (state) return state;
  // It has undone everything before it reported; a keeper that hangs is told to.
  ignore(keeper.signal(SIGTERM), "it is gone already as a rule");
  ignore(keeper.wait(bounds::kServerStopTimeout), "init inherits what does not end");
  return state;
}

Result<std::vector<MountState>> list_mounts(const fs::path& runtime_directory) {
  std::vector<MountState> mounts;
  std::error_code error;
  for (fs::directory_iterator entry(runtime_directory / "mounts", error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != ".json") continue;
    auto state = load_mount_state(entry->path());
    if (!state) continue;
    if (is_alive(state->keeper) || is_alive(state->server) || is_mounted(*state)) {
      mounts.push_back(std::move(*state));
      continue;
    }
    ignore(unmount_orphan(runtime_directory, *state, /*force=*/true),
           "only files are left; the next call tries again");
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(sys::errno_error(error.value(), "list " + (runtime_directory / "mounts").string()));
  std::sort(mounts.begin(), mounts.end(),
            [](const auto& a, const auto& b) { return a.mount_point < b.mount_point; });
  return mounts;
}

Result<void> unmount(const fs::path& runtime_directory, const fs::path& mount_point, bool force) {
  const MountPaths paths = mount_paths(runtime_directory, mount_point);
  const auto state = load_mount_state(paths.state);
  if (!state && state.error().code() != ErrorCode::not_found) return fail(state.error());
  if (!state)
    return fail(ErrorCode::not_found,
                "unmount " + mount_point.string() + ": Shoal has no mount there",
                "See `shoal status`; what other programs mounted, umount(8) unmounts.");
  if (is_alive(state->keeper)) return unmount_through_keeper(paths.state, *state, force);
  return unmount_orphan(runtime_directory, *state, force);
}

}  // namespace shoal::fuse
