// SPDX-License-Identifier: Apache-2.0
#include "agent/leftovers.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "agent/index_build.h"
#include "base/log.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
  return names;
}

// Or what is behind it lives: its record was lost.
bool is_in_use(const Places& places, const std::string& mount) {
  return MountPlan{.name = mount, .spec = {}, .credentials_file = {}, .places = places}
      .has_mount_state();
}

void note(const char* what, const fs::path& path) {
  log_event(LogLevel::info, "leftover.removed", {{"what", what}, {"path", path.string()}});
}

}  // namespace

void remove_leftovers(const Places& places, const std::set<std::string>& kept) {
  const auto is_needed = [&](const std::string& mount) {
    return kept.contains(mount) || is_in_use(places, mount);
  };
  const fs::path keys = places.agent_runtime() / "keys";
  for (const std::string& name : names_in(keys))
    if (!is_needed(name) && unlink((keys / name).c_str()) == 0) note("keys", keys / name);
  const fs::path builds = places.agent_runtime() / "builds";
  for (const std::string& name : names_in(builds)) {
    const std::string mount = fs::path(name).stem().string();
    if (kept.contains(mount) || IndexBuild::find(IndexBuild::files_of(places, mount))) continue;
    if (unlink((builds / name).c_str()) == 0) note("output of a listing", builds / name);
  }
  // rmdir takes neither what is mounted nor what holds files.
  const fs::path mounts = places.state_directory / "mounts";
  for (const std::string& name : names_in(mounts))
    if (!is_needed(name) && rmdir((mounts / name).c_str()) == 0) note("mount point", mounts / name);
}

}  // namespace shoal::agent
