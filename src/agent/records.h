// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "agent/volume_spec.h"
#include "base/result.h"

namespace shoal::agent {

// What is known of a volume when everything but the disk is lost. Holds no secret.
struct VolumeRecord {
  std::string id;
  VolumeSpec spec;
  std::string mount;               // name of the mount it uses; several volumes may share one
  std::string key_identity;        // Names::of_keys of those it was attached with last; "": none
  bool has_session_token = false;  // its keys end by themselves, and never come back
  std::filesystem::path staging_path;
  bool detach_with_last_target = false;
  std::vector<TargetReport> targets;  // by path
};

[[nodiscard]] std::string encode_record(const VolumeRecord& record);
// Fails with corrupt, naming what is wrong.
[[nodiscard]] Result<VolumeRecord> decode_record(std::string_view text);

// The records of a node: a directory with a file for each volume, replaced atomically and synced.
// serialized.
class RecordFiles {
 public:
  [[nodiscard]] static Result<RecordFiles> open(const std::filesystem::path& directory);

  struct Loaded {
    std::vector<VolumeRecord> records;
    std::vector<Error> unreadable;  // left where they are
  };
  [[nodiscard]] Result<Loaded> load() const;
  [[nodiscard]] Result<void> save(const VolumeRecord& record) const;
  [[nodiscard]] Result<void> remove(const std::string& id) const;

 private:
  explicit RecordFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path directory_;
};

}  // namespace shoal::agent
