// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "format/records.h"

// Which keys can be shown as files, as pure functions. The rules that need a second key to decide
// (shadowed_by_directory) are applied by the layout in index/.

namespace shoal::format {

// Why `path` (relative to the dataset's prefix) cannot be a path of the image, or nothing. One
// trailing '/' is allowed: a directory marker. The empty path is a problem: empty_component.
[[nodiscard]] std::optional<SpecialReason> path_problem(std::string_view path) noexcept;

// Whether objects of this storage class cannot be read before somebody restores them.
[[nodiscard]] bool is_archived(std::string_view storage_class) noexcept;

// Whether an object with this reason still appears in the image as a file or a directory.
[[nodiscard]] bool is_shown(SpecialReason reason) noexcept;

}  // namespace shoal::format
