// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "image/plan.h"
#include "image/writer.h"

namespace shoal::image {

// The second pass: writes every inode and every directory block. Returns where the metadata ends.
[[nodiscard]] Result<std::uint64_t> emit_tree(const index::Index& index, Sink& sink,
                                              Scratch& scratch, const MetadataPlan& plan,
                                              const WriteOptions& options);

}  // namespace shoal::image
