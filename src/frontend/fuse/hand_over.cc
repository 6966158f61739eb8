// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <csignal>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "frontend/fuse/adoption.h"
#include "frontend/fuse/bounds.h"
#include "frontend/fuse/connection.h"
#include "frontend/fuse/keeper_process.h"
#include "frontend/fuse/mount.h"
#include "sys/other_process.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

// The number under which a process holds /dev/fuse: keepers and servers hold one connection only.
Result<int> fuse_descriptor_of(int pid) {
  const std::string name = "process " + std::to_string(pid);
  const fs::path directory = "/proc/" + std::to_string(pid) + "/fd";
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error))
    if (is_fuse_device(entry->path())) {
      const std::string number = entry->path().filename().string();
      int fd = -1;
      std::from_chars(number.data(), number.data() + number.size(), fd);
      return fd;
    }
  if (error == std::errc::permission_denied)
    return fail(ErrorCode::permission, "look at the descriptors of " + name + ": not allowed",
                "This needs root and CAP_SYS_PTRACE.");
  return fail(ErrorCode::not_found, name + " holds no /dev/fuse descriptor");
}

// SIGKILL: a keeper that cannot clean up leaves mounts, state and lock as adoption wants them, in
// whatever it was doing, and so does one of an earlier version that knows no other way.
Result<void> end_keeper(const ProcessId& keeper) {
  SHOAL_TRY(const auto process, open_process(keeper));
  if (!process) return {};
  SHOAL_CHECK_OK(process->signal(SIGKILL));
  if (process->wait(bounds::kServerStopTimeout)) return {};
  return fail(ErrorCode::timeout,
              "end keeper " + std::to_string(keeper.pid) + ": even SIGKILL did not end it",
              "See what it waits for in /proc/" + std::to_string(keeper.pid) + "/stack.");
}

}  // namespace

Result<sys::Fd> borrow_descriptor(const MountState& state) {
  const std::string what = "borrow the /dev/fuse descriptor of " + state.mount_point.string();
  std::optional<Error> refused;
  for (const ProcessId& id : {state.keeper, state.server}) {
    SHOAL_TRY(const auto process, open_process(id));
    if (!process) continue;
    const auto number = fuse_descriptor_of(id.pid);
    auto copy = number ? process->copy_descriptor(*number) : fail(number.error());
    if (!copy) {
      if (copy.error().code() != ErrorCode::not_found)
        refused = std::move(copy).error().with_context(what);
      continue;
    }
    if (!is_fuse_device(copy->get())) continue;  // closed and used again between two looks
    const auto device = device_of(copy->get());
    if (!is_connected(copy->get()))
      return fail(ErrorCode::unavailable, what + ": the kernel has ended the connection",
                  "Unmount with --force, then mount again.");
    if (device && !state.fuse_device.empty() && *device != state.fuse_device)
      return fail(ErrorCode::corrupt,
                  what + ": process " + std::to_string(id.pid) + " holds device " + *device +
                      ", the mount is " + state.fuse_device,
                  "Unmount with --force, then mount again.");
    return std::move(*copy);
  }
  if (refused) return fail(std::move(*refused));
  return fail(ErrorCode::not_found, what + ": neither its keeper nor its server lives",
              "Unmount with --force, then mount again.");
}

Result<MountState> adopt(const fs::path& runtime_directory, const fs::path& mount_point,
                         const sys::Fd& fuse, const std::vector<std::string>& keeper_command,
                         const AdoptOptions& how) {
  const auto prepare = [&]() -> Result<KeeperOptions> {
    if (keeper_command.empty()) return fail(ErrorCode::bad_input, "the keeper's command is empty");
    const MountPaths paths = mount_paths(runtime_directory, mount_point);
    SHOAL_TRY(const MountState state, load_mount_state(paths.state));
    SHOAL_TRY(auto options, load_options(paths));
    // All that can be known is known before a keeper that works is ended.
    SHOAL_CHECK_OK(check_adoptable(paths, state, fuse.get()));
    if (is_alive(state.keeper) && !how.replace)
      return fail(ErrorCode::precondition,
                  "its keeper, process " + std::to_string(state.keeper.pid) + ", is alive");
    SHOAL_CHECK_OK(end_keeper(state.keeper));
    options.server_command.at(0) = keeper_command.front();
    if (!how.cgroup.empty()) options.cgroup = how.cgroup;
    return options;
  };
  const auto options = prepare();
  if (!options) return fail(Error(options.error()).with_context("adopt " + mount_point.string()));
  return start_keeper(*options, keeper_command, fuse.get());
}

}  // namespace shoal::fuse
