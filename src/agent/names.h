// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "agent/volume_spec.h"
#include "base/result.h"

namespace shoal::agent {

// Names of files and directories that stand for volumes and keys. A node's own random salt is in
// each that depends on keys, so that nobody can try keys out against a name. immutable.
class Names {
 public:
  // The salt of a node is made once and kept in `file` (mode 0600). Errors as reading and writing
  // files; corrupt.
  [[nodiscard]] static Result<Names> open(const std::filesystem::path& file);
  explicit Names(std::string salt) : salt_(std::move(salt)) {}

  // 32 hexadecimal digits for a volume's id, which may hold anything.
  [[nodiscard]] static std::string of_id(const std::string& id);
  // Equal exactly for equal keys (all three parts); "" for none: the node's own.
  [[nodiscard]] std::string of_keys(const std::optional<Keys>& keys) const;
  // "market-data-bars-1f2e3d4c5b": the same for the same dataset, seen the same way, with the same
  // keys. What else a spec says may differ: index and cache are found again. Whoever has not the
  // same keys must not get at what others have fetched.
  [[nodiscard]] std::string of_dataset(const VolumeSpec& spec,
                                       const std::string& key_identity) const;

 private:
  std::string salt_;
};

}  // namespace shoal::agent
