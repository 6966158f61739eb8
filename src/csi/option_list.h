// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Options as people write them for FUSE clients, taken apart; what they mean is in
// foreign_options.h. Pure.

namespace shoal::csi {

struct Option {
  std::string name;   // as written, without leading dashes
  std::string value;  // "" when there is none
};

// "-o a -o b=c,d -oe": fields between white space, each "-o LIST" or "-oLIST"; a value may be
// quoted ("x,y"). bad_input: anything else, naming it without its value.
[[nodiscard]] Result<std::vector<Option>> parse_other_options(std::string_view text);

// mountOptions of a PersistentVolume: each element a LIST as above, "name value" or "--name=value".
// bad_input: an element without a name.
[[nodiscard]] Result<std::vector<Option>> parse_mount_flags(std::span<const std::string> flags);

}  // namespace shoal::csi
