// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/volume_spec.h"
#include "control/json_fields.h"
#include "shoal/volume.h"

// Private to agent/: the codecs of volume_spec.h as parts of larger documents.

namespace shoal::agent {

[[nodiscard]] control::Json json_of(const VolumeSpec& spec);
[[nodiscard]] Result<VolumeSpec> spec_of(control::Json json);  // as decode_spec

[[nodiscard]] control::Json json_of(const TargetReport& target);
[[nodiscard]] TargetReport target_of(const control::Json& json);  // throws Json::exception
[[nodiscard]] control::Json json_of(const VolumeReport& report);

// VolumeSpec::order that is not empty; a list's path is relative to the dataset. bad_input.
[[nodiscard]] Result<ReadOrder> parse_order(const std::string& text);

}  // namespace shoal::agent
