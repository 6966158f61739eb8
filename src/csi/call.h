// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"

namespace shoal::csi {

// What a call of a service is, apart from its request.
struct Call {
  std::string request_id;                                 // in our log and in the agent's
  TimePoint deadline = TimePoint::max();                  // of the caller
  std::function<bool()> given_up = [] { return false; };  // by the caller, or this process ends
};

}  // namespace shoal::csi
