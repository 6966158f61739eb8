// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/mount_table.h"

#include <string>
#include <utility>

#include "frontend/fuse/holders.h"

namespace shoal::fuse {

Result<std::optional<sys::MountEntry>> mount_at(const std::filesystem::path& mount_point) {
  SHOAL_TRY(auto mounts, sys::read_mounts());
  std::optional<sys::MountEntry> seen;
  for (sys::MountEntry& mount : mounts)
    if (mount.mount_point == mount_point) seen = std::move(mount);
  return seen;
}

bool has_mount(std::uint64_t id, const std::filesystem::path& mount_point) {
  const auto mounts = sys::read_mounts();
  if (!mounts) return true;
  for (const sys::MountEntry& mount : *mounts)
    if (static_cast<std::uint64_t>(mount.id) == id && mount.mount_point == mount_point) return true;
  return false;
}

Result<void> unmount_exactly(std::uint64_t id, const std::filesystem::path& mount_point) {
  SHOAL_TRY(const auto seen, mount_at(mount_point));
  if (!seen || static_cast<std::uint64_t>(seen->id) != id) {
    if (!has_mount(id, mount_point)) return {};
    return fail(ErrorCode::precondition,
                "unmount " + mount_point.string() + ": " + seen->source + " is mounted over it",
                "Unmount that first.");
  }
  auto unmounted = sys::unmount(mount_point, sys::Unmount::now);
  if (!unmounted && unmounted.error().code() == ErrorCode::precondition)
    return fail(busy_error(mount_point));
  return unmounted;
}

}  // namespace shoal::fuse
