// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "frontend/fuse/connection.h"
#include "frontend/fuse/mount.h"
#include "sys/other_process.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

// The process, if it is still the one that was written down.
Result<std::optional<sys::OtherProcess>> open_process(const ProcessId& id) {
  if (id.pid <= 0) return std::nullopt;
  auto process = sys::OtherProcess::open(id.pid);
  if (!process && process.error().code() == ErrorCode::not_found) return std::nullopt;
  if (!process) return fail(std::move(process).error());
  // Looked at after it was opened: were it a later process, the number would not be `id`'s.
  if (!is_alive(id)) return std::nullopt;
  return std::move(*process);
}

// The number under which a process holds /dev/fuse: keepers and servers hold one connection only.
Result<int> fuse_descriptor_of(int pid) {
  const std::string name = "process " + std::to_string(pid);
  const fs::path directory = "/proc/" + std::to_string(pid) + "/fd";
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error))
    if (is_fuse_device(entry->path())) return std::stoi(entry->path().filename().string());
  if (error == std::errc::permission_denied)
    return fail(ErrorCode::permission, "look at the descriptors of " + name + ": not allowed",
                "This needs root and CAP_SYS_PTRACE.");
  return fail(ErrorCode::not_found, name + " holds no /dev/fuse descriptor");
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

}  // namespace shoal::fuse
