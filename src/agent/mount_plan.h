// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agent/volume_spec.h"
#include "frontend/fuse/keeper.h"

namespace shoal::agent {

// Where the agent keeps things, and what it starts.
struct Places {
  std::filesystem::path program;            // `shoal` itself
  std::filesystem::path runtime_directory;  // of all mounts of the machine
  std::filesystem::path state_directory;    // survives a reboot
  std::filesystem::path volumes_directory;  // indexes and caches
  std::filesystem::path keeper_cgroup;      // empty: children stay in the agent's

  [[nodiscard]] std::filesystem::path agent_runtime() const { return runtime_directory / "agent"; }
};

// All it takes to bring one mount up. A value: workers get a copy.
struct MountPlan {
  std::string name;  // of its directories
  VolumeSpec spec;
  std::filesystem::path credentials_file;  // empty: the node's own keys, or none
  Places places;

  [[nodiscard]] std::filesystem::path volume() const { return places.volumes_directory / name; }
  [[nodiscard]] std::filesystem::path mount_point() const {
    return places.state_directory / "mounts" / name;
  }
  [[nodiscard]] std::vector<std::string> build_command(bool list_again) const;
  [[nodiscard]] std::vector<std::string> keeper_command() const;
  [[nodiscard]] fuse::KeeperOptions keeper_options() const;
  // Keys that were in /run and are gone with it (a reboot) come again with the next attach.
  [[nodiscard]] std::optional<Error> missing_keys() const;
  // An image is in the volume: a build will find it, and has nothing to list as a rule.
  [[nodiscard]] bool seems_indexed() const;
  // A keeper has, or had, a mount there that can be brought back.
  [[nodiscard]] bool has_mount_state() const;
};

}  // namespace shoal::agent
