// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "csi/option_list.h"

// What options of other clients (ossfs 1 and 2, s3fs, mountpoint-s3, FUSE and mount themselves)
// mean here. A table: the options people carry over from the volumes they had. Pure.

namespace shoal::csi {

// Becomes a setting of ours (volume_attributes.h), by plain name.
struct Means {
  std::string setting;
  std::string value;
};
// Is so in any case: nothing to do, nothing to say.
struct Satisfied {};
// Has no effect; `instead` says what Shoal does, as the end of "option X has no effect: ...".
struct Ignored {
  std::string_view instead;
};
struct Unknown {};
using OptionMeaning = std::variant<Means, Satisfied, Ignored, Unknown>;

[[nodiscard]] OptionMeaning meaning_of(const Option& option);

}  // namespace shoal::csi
