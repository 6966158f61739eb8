// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "format/records.h"
#include "index/table_files.h"
#include "index/table_thread.h"

namespace shoal::index {

// Cuts placed objects into extents and writes one record per chunk. confined.
class ChunkFiles {
 public:
  // Writes into `files` through `writer`, which is to be drained after finish().
  ChunkFiles(format::Geometry geometry, TableFiles& files, TableThread& writer)
      : geometry_(geometry), files_(files), writer_(writer) {}

  // Precondition: objects come in ascending order of their addresses.
  [[nodiscard]] Result<void> add(std::string_view walk_key, const format::ObjectRecord& object);
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> enter(ChunkId chunk);

  const format::Geometry geometry_;
  TableFiles& files_;
  TableThread& writer_;
  ChunkId chunk_;
  std::string record_;     // encoded extents of chunk_ so far
  format::Extent extent_;  // the one at hand; its strings keep their memory
};

}  // namespace shoal::index
