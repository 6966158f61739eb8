// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/map.h>

#include <string>

#include "csi/volume_secrets.h"

namespace shoal::csi {

[[nodiscard]] inline StringMap map_of(
    const google::protobuf::Map<std::string, std::string>& fields) {
  return {fields.begin(), fields.end()};
}

}  // namespace shoal::csi
