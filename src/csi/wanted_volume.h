// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csi/capability.h"
#include "csi/status_codes.h"
#include "csi/volume_attributes.h"

// What a caller wants of a node, read as a whole: attributes, keys and capability. Pure.

namespace shoal::csi {

struct WantedVolume {
  VolumeRequest volume;  // warnings of the capability included
  Capability capability;
};

// INVALID_ARGUMENT: names what cannot be read, is too long, or cannot be had.
[[nodiscard]] Answer<WantedVolume> read_wanted(bool has_capability,
                                               const v1::VolumeCapability& capability,
                                               const StringMap& context, const StringMap& secrets);

// Whoever may make a pod may write any source into it: not with the node's keys. UNAUTHENTICATED.
[[nodiscard]] Answer<void> check_inline_keys(const VolumeRequest& volume);

}  // namespace shoal::csi
