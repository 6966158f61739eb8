// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// Shell patterns over one name. Pure.

namespace shoal {

// What a backslash takes the meaning from.
inline constexpr std::string_view kGlobMeta = "*?[]\\";

// Whether the whole name is what the pattern says: `*` any characters, `?` one, `[a-z]` and
// `[!0-9]` one of a set, a backslash takes the meaning from one of these. Names are bytes;
// characters are those of UTF-8 where they are valid. `/` is nothing special.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view name);

// Whether the pattern is more than a name with escapes.
[[nodiscard]] bool has_glob_meta(std::string_view text);

}  // namespace shoal
