// SPDX-License-Identifier: Apache-2.0
#include "mounts.h"

#include "frontend/fuse/mount.h"
#include "places.h"

namespace shoal::tools {
namespace {

// The part of `path` below `directory`, without slashes around; nothing when it is not below.
std::optional<std::string> part_below(const std::string& path, const std::string& directory) {
  if (path == directory) return "";
  if (!path.starts_with(directory + "/")) return std::nullopt;
  return path.substr(directory.size() + 1);
}

}  // namespace

Result<LiveTarget> live_target(const std::string& text, const StoreFlags& flags) {
  SHOAL_TRY(const auto mounts, fuse::list_mounts(runtime_directory()));
  LiveTarget live;
  const bool is_path = text.find("://") == std::string::npos;
  if (is_path) {
    const std::string place = mount_point_of(text).string();
    // Mounts may lie in each other: the innermost is meant.
    for (const fuse::MountState& mount : mounts) {
      const auto below = part_below(place, mount.mount_point.string());
      if (!below || (live.mount &&
                     live.mount->mount_point.string().size() > mount.mount_point.string().size()))
        continue;
      live.mount = mount;
      live.target.path = *below;
    }
    if (live.mount) {
      live.target.volume = live.mount->volume;
      return live;
    }
    SHOAL_TRY(live.target, dataset_target(text, flags));
  } else {
    SHOAL_TRY(live.target, inner_target(text, flags, /*is_directory=*/true));
  }
  for (const fuse::MountState& mount : mounts)
    if (mount.volume == live.target.volume) live.mount = mount;
  return live;
}

std::string path_in_dataset(const std::string& path, const std::optional<fuse::MountState>& mount) {
  if (!mount) return path;
  return part_below(path, mount->mount_point.string()).value_or(path);
}

}  // namespace shoal::tools
