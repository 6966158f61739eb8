// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/result.h"
#include "frontend/fuse/mount_state.h"
#include "sys/mount.h"

namespace shoal::fuse {

// The mount seen at `mount_point`, from the kernel's table alone: the directory, whose file system
// may be dead, is not touched.
[[nodiscard]] Result<std::optional<sys::MountEntry>> mount_at(
    const std::filesystem::path& mount_point);

// Whether mount `id` is still there, perhaps below another one. True when the table cannot be read:
// believing in an unmount that was none would take the data from under its readers.
[[nodiscard]] bool has_mount(std::uint64_t id, const std::filesystem::path& mount_point);

// Where a state's EROFS is in this process's mount table, whose mount ids may be others than the
// keeper's; perhaps below another mount. Of a state without device and id (it could not be read),
// any EROFS that reads `paths.image` or a loop device.
[[nodiscard]] Result<std::optional<sys::MountEntry>> image_mount(const MountPaths& paths,
                                                                 const MountState& state);
// The same of its FUSE file system.
[[nodiscard]] Result<std::optional<sys::MountEntry>> fuse_mount(const MountPaths& paths,
                                                                const MountState& state);

// Fails with precondition, naming what is mounted over it, when mount `id` is not what is seen at
// `mount_point`.
[[nodiscard]] Result<void> check_uncovered(std::uint64_t id,
                                           const std::filesystem::path& mount_point);

// Unmounts `mount_point` if what is seen there is mount `id`. Busy: precondition, naming the
// holders.
[[nodiscard]] Result<void> unmount_exactly(std::uint64_t id,
                                           const std::filesystem::path& mount_point);

}  // namespace shoal::fuse
