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

Result<std::optional<sys::MountEntry>> image_mount(const MountPaths& paths,
                                                   const MountState& state) {
  const auto matches = [&](const sys::MountEntry& mount) {
    if (mount.fs_type != "erofs") return false;
    if (!state.erofs_device.empty()) return mount.device == state.erofs_device;
    if (state.mount_id != 0) return static_cast<std::uint64_t>(mount.id) == state.mount_id;
    return mount.source == paths.image || mount.source.starts_with("/dev/loop");
  };
  SHOAL_TRY(auto mounts, sys::read_mounts());
  std::optional<sys::MountEntry> found;
  for (sys::MountEntry& mount : mounts)
    if (mount.mount_point == state.mount_point && matches(mount)) found = std::move(mount);
  return found;
}

Result<std::optional<sys::MountEntry>> fuse_mount(const MountPaths& paths,
                                                  const MountState& state) {
  SHOAL_TRY(auto mounted, mount_at(paths.fuse));
  if (mounted && mounted->fs_type.starts_with("fuse.") &&
      (state.fuse_device.empty() || mounted->device == state.fuse_device))
    return mounted;
  return std::nullopt;
}

Result<void> check_uncovered(std::uint64_t id, const std::filesystem::path& mount_point) {
  SHOAL_TRY(const auto seen, mount_at(mount_point));
  if (!seen || static_cast<std::uint64_t>(seen->id) == id) return {};
  return fail(ErrorCode::precondition,
              "unmount " + mount_point.string() + ": " + seen->source + " is mounted over it",
              "Unmount that first.");
}

Result<void> unmount_exactly(std::uint64_t id, const std::filesystem::path& mount_point) {
  if (!has_mount(id, mount_point)) return {};
  SHOAL_CHECK_OK(check_uncovered(id, mount_point));
  auto unmounted = sys::unmount(mount_point, sys::Unmount::now);
  if (!unmounted && unmounted.error().code() == ErrorCode::precondition)
    return fail(busy_error(mount_point));
  return unmounted;
}

}  // namespace shoal::fuse
