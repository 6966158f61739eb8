// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csi.pb.h"

namespace shoal::csi {

namespace v1 = ::csi::v1;

}  // namespace shoal::csi
