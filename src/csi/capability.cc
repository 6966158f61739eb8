// SPDX-License-Identifier: Apache-2.0
#include "csi/capability.h"

#include <numeric>

#include "csi/attribute_values.h"
#include "csi/limits.h"
#include "csi/request_checks.h"

namespace shoal::csi {
namespace {

using Mode = v1::VolumeCapability::AccessMode;

bool is_writer(Mode::Mode mode) {
  return mode != Mode::SINGLE_NODE_READER_ONLY && mode != Mode::MULTI_NODE_READER_ONLY;
}

}  // namespace

Answer<Capability> read_capability(bool has, const v1::VolumeCapability& capability) {
  if (!has) return invalid("volume_capability is missing");
  if (capability.has_block())
    return invalid(
        "volume_capability asks for a block device; Shoal gives file systems only. Write "
        "volumeMode: Filesystem");
  if (!capability.has_mount()) return invalid("volume_capability has no access_type");
  const Mode::Mode mode = capability.access_mode().mode();
  if (mode == Mode::UNKNOWN || !Mode::Mode_IsValid(mode))
    return invalid("volume_capability has no access_mode that is known");
  Capability read;
  read.mode = Mode::Mode_Name(mode);
  read.writes = is_writer(mode);
  read.one_target_only = mode == Mode::SINGLE_NODE_WRITER ||
                         mode == Mode::SINGLE_NODE_READER_ONLY ||
                         mode == Mode::SINGLE_NODE_SINGLE_WRITER;
  read.fs_type = capability.mount().fs_type();
  read.mount_group = capability.mount().volume_mount_group();
  SHOAL_CSI_CHECK(check_optional("fs_type", read.fs_type));
  SHOAL_CSI_CHECK(check_optional("volume_mount_group", read.mount_group));
  std::size_t bytes = 0;
  for (const std::string& flag : capability.mount().mount_flags()) {
    bytes += flag.size();
    read.mount_flags.push_back(flag);
  }
  if (bytes > limits::kMountFlagsBytesMax)
    return invalid("mount_flags have " + std::to_string(bytes) + " bytes; at most " +
                   std::to_string(limits::kMountFlagsBytesMax) + " are allowed");
  return read;
}

Answer<std::vector<std::string>> judge_capability(const Capability& capability, bool strict,
                                                  bool ephemeral) {
  std::vector<std::string> warnings;
  // Nobody can write the access mode of an inline volume: kubelet always says that of a writer.
  const bool writes = capability.writes && !ephemeral;
  if (writes && strict)
    return invalid("access mode " + capability.mode +
                   " is one for writing, the volume is read-only, and strictAccessMode is set. "
                   "Write accessModes: [ReadOnlyMany]");
  if (writes)
    warnings.push_back("access mode " + capability.mode +
                       " is taken as one for reading: the volume is read-only; write "
                       "accessModes: [ReadOnlyMany]");
  const std::string type = lower(capability.fs_type);
  if (!type.empty() && type != "erofs" && type != "shoal")
    warnings.push_back("fsType " + capability.fs_type + " has no effect: the volume is EROFS");
  return warnings;
}

}  // namespace shoal::csi
