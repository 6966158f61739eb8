// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/volume_spec.h"
#include "base/result.h"
#include "csi/volume_secrets.h"

// From what a PersistentVolume (or a StorageClass, or a pod's inline volume) says to what the agent
// is asked for. Pure.
//
// Attribute names are taken without regard to case, values are trimmed, empty ones mean nothing:
//
//   which dataset   bucket, url (host, with or without http:// or https://), path; or source
//                   (s3://bucket/prefix); provider (oss, s3); endpoint, region, addressing,
//                   sigVersion
//   whose           authType ("" or public); akId and akSecret, which belong into a Secret
//   shown how       umask, uid, gid
//   limits          cacheSize, bufferSize, resourceLimit, maxRequests, maxQps, maxBandwidth,
//   ioTimeout read how        directMode, noPrefetch, order, warm, pin, indexMaxAge carried over
//   otherOpts: options of ossfs, s3fs and others (foreign_options.h) rules strictAccessMode
//
// Options from otherOpts count least, then mount options, then attributes. What has no effect is
// named in a warning each, with what happens instead; so is what nobody knows.

namespace shoal::csi {

struct VolumeInput {
  const StringMap& attributes;
  const StringMap& secrets;
  std::span<const std::string> mount_flags = {};
  std::string mount_group = {};  // of the pod (fsGroup), as a number; empty: none
};

struct VolumeRequest {
  agent::VolumeSpec spec;
  std::optional<agent::Keys> keys;  // nothing: neither Secret nor attributes have any
  // The group is the pod's, not the volume's own: another pod may have another.
  bool gid_of_pod = false;
  bool ephemeral = false;  // inline in a pod: lives and dies with it
  bool strict_access_mode = false;
  std::vector<std::string> warnings;  // one line each, no secrets
};

// bad_input: names the attribute or option and says what to write.
[[nodiscard]] Result<VolumeRequest> read_volume(const VolumeInput& input);

// An attribute that Kubernetes itself adds (pod's name, tokens): not a part of what the volume is.
[[nodiscard]] bool is_pod_info(std::string_view name);

}  // namespace shoal::csi
