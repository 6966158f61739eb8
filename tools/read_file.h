// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "shoal/volume.h"

namespace shoal::tools {

// Reads a whole file of the volume in order, several pieces ahead of the consumer, and hands each
// piece to `consume`, whose error ends the reading. Blocks.
[[nodiscard]] Result<void> read_file(Volume& volume, const DirectoryEntry& file,
                                     std::chrono::seconds io_timeout,
                                     const std::function<Result<void>(ByteSpan)>& consume);

}  // namespace shoal::tools
