// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "csi/status_codes.h"

namespace shoal::csi {

// What a volume written in YAML would be, without a node: for people and for the tests of examples.
// Takes {"volumeAttributes": {...}, "secrets": {...}, "mountOptions": [...], "accessModes": [...]},
// all optional; gives {"spec": {...}, "keys": true, "inline": false, "warnings": [...]}. Never
// prints a key. Fails as a call for such a volume would.
[[nodiscard]] Answer<std::string> check_attributes(std::string_view json);

}  // namespace shoal::csi
