// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "csi/messages.h"
#include "csi/status_codes.h"

// A VolumeCapability in our words. Pure.

namespace shoal::csi {

struct Capability {
  std::string mode;              // "MULTI_NODE_READER_ONLY"
  bool writes = false;           // the mode is one of a writer
  bool one_target_only = false;  // the mode is one of a single user on a single node
  std::string fs_type;
  std::vector<std::string> mount_flags;
  std::string mount_group;
};

// INVALID_ARGUMENT: missing, a block device, or without a mode.
[[nodiscard]] Answer<Capability> read_capability(bool has, const v1::VolumeCapability& capability);

// What to say about it; INVALID_ARGUMENT for a writer's mode when `strict`. Of an `ephemeral`
// volume nobody chose the mode.
[[nodiscard]] Answer<std::vector<std::string>> judge_capability(const Capability& capability,
                                                                bool strict, bool ephemeral);

}  // namespace shoal::csi
