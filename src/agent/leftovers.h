// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "agent/mount_plan.h"

namespace shoal::agent {

// Removes what agents that died left of mounts nobody has a record of: keys, files of listings,
// mount points. `kept`: names of mounts. What a keeper or a listing still uses stays.
void remove_leftovers(const Places& places, const std::set<std::string>& kept);

}  // namespace shoal::agent
