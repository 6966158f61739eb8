// SPDX-License-Identifier: Apache-2.0
#include "agent/targets.h"

#include <map>
#include <optional>

#include "agent/limits.h"
#include "frontend/fuse/mount_state.h"
#include "frontend/fuse/mount_table.h"
#include "sys/directory_mount.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

constexpr int kLayersMax = 64;  // mounts on one directory, one above the other

Error somebody_elses(const fs::path& target, const sys::MountEntry& entry) {
  return Error(ErrorCode::precondition,
               "target " + target.string() + ": " + entry.source + " (" + entry.fs_type +
                   ") is mounted there, and not by this agent",
               "Unmount it, or name another directory.");
}

}  // namespace

Result<void> check_path(const char* what, const fs::path& path) {
  const std::string text = path.string();
  if (path.is_absolute() && path.lexically_normal().string() == text && path.has_filename() &&
      text.size() <= limits::kPathBytesMax && text.find('\0') == std::string::npos)
    return {};
  return fail(ErrorCode::bad_input,
              std::string(what) + " \"" + text.substr(0, 200) +
                  "\": not an absolute path in normal form of at most " +
                  std::to_string(limits::kPathBytesMax) + " bytes",
              "Write it from / on, without \"..\", \".\", \"//\" or a / at its end.");
}

bool Targets::is_agents(const sys::MountEntry& entry) const {
  // The source is RUNTIME/ID/fuse/image; RUNTIME/mounts/ID.json is there while the mount lives.
  const fs::path below = fs::path(entry.source).lexically_relative(runtime_directory_);
  if (entry.fs_type != "erofs" || below.empty() || *below.begin() == "..") return false;
  const std::string id = below.begin()->string();
  const auto state = fuse::load_mount_state(runtime_directory_ / "mounts" / (id + ".json"));
  if (state) return state->mount_point.parent_path() == mounts_directory_;
  return state.error().code() == ErrorCode::not_found;
}

Result<void> Targets::show(const fs::path& mount_point, const fs::path& target, bool is_ours) {
  SHOAL_CHECK_OK(check_path("target", target));
  const std::lock_guard lock(mutex_);
  return show_locked(mount_point, target, is_ours);
}

Result<bool> Targets::restore(const fs::path& mount_point, const fs::path& target,
                              const std::function<bool()>& wanted) {
  const std::lock_guard lock(mutex_);
  if (!wanted()) return false;
  SHOAL_CHECK_OK(show_locked(mount_point, target, /*is_ours=*/true));
  return true;
}

Result<std::vector<fs::path>> Targets::missing(const fs::path& mount_point,
                                               const std::vector<fs::path>& targets) const {
  SHOAL_TRY(const auto mounts, sys::read_mounts());
  std::map<fs::path, std::string> seen;  // the topmost at each place comes last
  for (const sys::MountEntry& mount : mounts) seen[mount.mount_point] = mount.device;
  const auto source = seen.find(mount_point);
  std::vector<fs::path> missing;
  for (const fs::path& target : targets) {
    const auto directory = sys::NamedDirectory::open(target);
    const auto there = directory ? seen.find(directory->canonical()) : seen.end();
    if (source == seen.end() || there == seen.end() || there->second != source->second)
      missing.push_back(target);
  }
  return missing;
}

Result<void> Targets::show_locked(const fs::path& mount_point, const fs::path& target,
                                  bool is_ours) {
  SHOAL_TRY(const auto directory, sys::NamedDirectory::open(target));
  SHOAL_TRY(const auto source, fuse::mount_at(mount_point));
  if (!source || source->fs_type != "erofs")
    return fail(
        ErrorCode::unavailable,
        "target " + target.string() + ": the volume is not mounted at " + mount_point.string(),
        "It is being brought back: try again in a moment.");
  for (int i = 0; i < kLayersMax; ++i) {
    SHOAL_TRY(const auto seen, fuse::mount_at(directory.canonical()));
    if (!seen) break;
    if (seen->device == source->device) return {};
    if (!is_ours || seen->fs_type != "erofs") return fail(somebody_elses(target, *seen));
    SHOAL_CHECK_OK(directory.unmount());  // of a mount that died
  }
  SHOAL_TRY(const bool made, directory.make());
  const auto bind = [&]() -> Result<void> {
    SHOAL_TRY(const bool empty, directory.is_empty());
    if (!empty)
      return fail(ErrorCode::precondition,
                  "target " + target.string() + ": it is not an empty directory",
                  "Name another one; nothing that is there is hidden or removed.");
    SHOAL_CHECK_OK(directory.bind_read_only(mount_point));
    SHOAL_TRY(const auto seen, fuse::mount_at(directory.canonical()));
    if (seen && seen->device == source->device) return {};
    return fail(ErrorCode::io, "target " + target.string() + ": the mount does not appear there",
                "Somebody moved the directory meanwhile: try again.");
  };
  auto bound = bind();
  if (!bound && made) ignore(directory.remove(), "the failure says more");
  return bound;
}

Result<void> Targets::hide(const fs::path& target, bool is_ours) {
  SHOAL_CHECK_OK(check_path("target", target));
  const std::lock_guard lock(mutex_);
  const auto directory = sys::NamedDirectory::open(target);
  if (!directory) {
    if (directory.error().code() == ErrorCode::not_found) return {};
    return fail(directory.error());
  }
  for (int i = 0; i < kLayersMax; ++i) {
    SHOAL_TRY(const auto seen, fuse::mount_at(directory->canonical()));
    if (!seen) break;
    if (seen->fs_type != "erofs" || !(is_ours || is_agents(*seen)))
      return fail(somebody_elses(target, *seen));
    const auto unmounted = directory->unmount();
    // Somebody else was faster.
    if (!unmounted && unmounted.error().code() != ErrorCode::not_found) return unmounted;
  }
  if (!directory->exists()) return {};
  return directory->remove();
}

}  // namespace shoal::agent
