// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

#include "index/index.h"
#include "shoal/volume.h"

// The tree of files as the index knows it, for programs that read a volume without a mount.

namespace shoal::volume {

// See Volume::find and Volume::list.
[[nodiscard]] Result<DirectoryEntry> find_entry(const index::Index& index, std::string_view path);
[[nodiscard]] Result<void> list_directory(const index::Index& index, std::string_view path,
                                          const std::function<bool(const DirectoryEntry&)>& visit);

}  // namespace shoal::volume
