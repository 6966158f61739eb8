// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "agent/volume_spec.h"
#include "base/result.h"

namespace shoal::agent {

// The keys of mounts, one file each in the form of ~/.aws/credentials, in a directory only root
// can read that does not outlive the machine's memory (/run). Servers and listings read them there,
// again whenever the service refuses them. synchronized (each call is one rename or unlink).
class KeyFiles {
 public:
  // Makes the directory, mode 0700.
  [[nodiscard]] static Result<KeyFiles> open(const std::filesystem::path& directory);

  [[nodiscard]] std::filesystem::path path_of(const std::string& mount) const;
  [[nodiscard]] bool has(const std::string& mount) const;
  // In one step: a reader sees the old keys or the new ones.
  [[nodiscard]] Result<void> write(const std::string& mount, const Keys& keys) const;
  // Nothing: there are none, or the file is not ours.
  [[nodiscard]] std::optional<Keys> read(const std::string& mount) const;
  void remove(const std::string& mount) const;

 private:
  explicit KeyFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path directory_;
};

}  // namespace shoal::agent
