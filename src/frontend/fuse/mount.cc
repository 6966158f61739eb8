// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/mount.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "base/clock.h"
#include "frontend/fuse/bounds.h"
#include "frontend/fuse/holders.h"
#include "frontend/fuse/keeper_process.h"
#include "frontend/fuse/mount_table.h"
#include "frontend/fuse/old_servers.h"
#include "frontend/fuse/report.h"
#include "sys/file.h"
#include "sys/mount.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

constexpr auto kUnmountPoll = std::chrono::milliseconds(20);

// True also when the table cannot be read.
bool is_mounted(const MountPaths& paths, const MountState& state) {
  const auto image = image_mount(paths, state);
  const auto fuse = fuse_mount(paths, state);
  return !image || *image || !fuse || *fuse;
}

// Ends the connection, whoever holds a descriptor of it.
Result<void> abort_orphan(const MountPaths& paths) {
  auto aborted = sys::unmount_within(paths.fuse, sys::Unmount::abort, bounds::kUnmountTimeout);
  if (!aborted && aborted.error().code() == ErrorCode::not_found) return {};
  return aborted;
}

Result<void> unmount_orphan_image(const MountPaths& paths, const MountState& state, bool force) {
  SHOAL_TRY(const auto image, image_mount(paths, state));
  if (!image) return {};
  if (!force)
    SHOAL_CHECK_OK(check_uncovered(static_cast<std::uint64_t>(image->id), state.mount_point));
  const bool served = is_alive(state.server);
  auto unmounted = sys::unmount_within(
      state.mount_point, force ? sys::Unmount::lazy : sys::Unmount::now, bounds::kUnmountTimeout);
  if (unmounted) return {};
  // Looking for holders means looking into processes that may wait for an answer nobody gives.
  if (unmounted.error().code() == ErrorCode::precondition && served)
    return fail(busy_error(state.mount_point));
  if (unmounted.error().code() != ErrorCode::timeout) return unmounted;
  // It was not busy, or the kernel had said so at once; what is left to be read is read by nobody.
  SHOAL_CHECK_OK(abort_orphan(paths));
  SHOAL_TRY(const auto still, image_mount(paths, state));
  return still ? std::move(unmounted) : Result<void>();
}

Error being_mounted(const fs::path& mount_point, const std::string& why) {
  return Error(ErrorCode::unavailable, "unmount " + mount_point.string() + ": " + why,
               "A keeper is being started for it; try again.");
}

// Takes down what a dead keeper left: its mounts, its server, its files. An adoption that is under
// way has the lock.
Result<void> unmount_orphan(const MountPaths& paths, const MountState& state, bool force) {
  const auto lock = sys::LockFile::acquire(paths.lock);
  if (!lock && lock.error().code() == ErrorCode::precondition)
    return fail(being_mounted(state.mount_point, lock.error().message()));
  if (!lock) return fail(Error(lock.error()).with_context("unmount " + state.mount_point.string()));
  if (force) SHOAL_CHECK_OK(abort_orphan(paths));
  SHOAL_CHECK_OK(unmount_orphan_image(paths, state, force));
  SHOAL_CHECK_OK(abort_orphan(paths));
  SHOAL_CHECK_OK(end_old_servers(paths, state.server));
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
  if (!fs::exists(state_file)) return {};
  return fail(ErrorCode::unavailable,
              "unmount " + before.mount_point.string() + ": its keeper was killed meanwhile",
              "Try again.");
}

}  // namespace

Result<MountState> mount(const KeeperOptions& options,
                         const std::vector<std::string>& keeper_command) {
  return start_keeper(options, keeper_command, -1);
}

Result<std::vector<MountState>> list_mounts(const fs::path& runtime_directory) {
  std::vector<MountState> mounts;
  std::error_code error;
  for (fs::directory_iterator entry(runtime_directory / "mounts", error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != ".json") continue;
    auto state = load_mount_state(entry->path());
    if (!state) continue;
    const MountPaths paths = mount_paths(runtime_directory, state->mount_point);
    if (is_alive(state->keeper) || is_alive(state->server) || is_mounted(paths, *state)) {
      mounts.push_back(std::move(*state));
      continue;
    }
    ignore(unmount_orphan(paths, *state, /*force=*/true),
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
  auto state = load_mount_state(paths.state);
  const bool is_missing = !state && state.error().code() == ErrorCode::not_found;
  if (is_missing && sys::LockFile::is_held(paths.lock))
    return fail(being_mounted(mount_point, "it is being mounted"));
  if (is_missing)
    return fail(ErrorCode::not_found,
                "unmount " + mount_point.string() + ": Shoal has no mount there",
                "See `shoal status`; what other programs mounted, umount(8) unmounts.");
  if (!state && !force) return fail(std::move(state).error());
  // Of a state that cannot be read the place is known, and the lock says whether a keeper lives.
  if (!state) {
    state.emplace();
    state->mount_point = mount_point;
  }
  if (is_alive(state->keeper)) return unmount_through_keeper(paths.state, *state, force);
  return unmount_orphan(paths, *state, force);
}

}  // namespace shoal::fuse
