// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/path_pattern.h"
#include "shoal/volume.h"

namespace shoal::control {

// Calls `visit` with the path and entry of every file the patterns name, each once, in walk order,
// which is the order of their bytes; what names a directory names all below it. Looks into the
// index only, and only where a pattern can match. `visit` returns false to stop. Blocks. The result
// says for each pattern whether it named anything; when stopped, not all of them were tried.
using VisitFile = std::function<bool(std::string_view path, const DirectoryEntry& entry)>;
[[nodiscard]] Result<std::vector<bool>> select_files(const Volume& volume,
                                                     std::span<const PathPattern> patterns,
                                                     const VisitFile& visit);

}  // namespace shoal::control
