// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "csi/capability.h"
#include "csi/volume_secrets.h"

// What a volume was published with, in a line that is kept beside the target, so that a call that
// is repeated can be told from one that asks for something else. Pure; the same for every build.

namespace shoal::csi {

// Left out is what differs between calls that mean the same: secrets, tokens, the pod's name.
[[nodiscard]] std::string fingerprint(const Capability& capability, bool read_only,
                                      const StringMap& context);

// "readonly, volume_context": what differs between two of them, for messages.
[[nodiscard]] std::string difference(std::string_view before, std::string_view after);

}  // namespace shoal::csi
