// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/result.h"

namespace shoal::tools::bench {

// Drops the page cache, names and inodes of the whole machine, after writing out what of `place`'s
// file system is not on disk yet (what is dirty stays). Errors: permission when not root.
[[nodiscard]] Result<void> drop_page_cache(const std::filesystem::path& place);

}  // namespace shoal::tools::bench
