// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "format/records.h"
#include "index/table_files.h"

namespace shoal::index {

// Cuts placed objects into extents and writes one record per chunk. confined.
class ChunkFiles {
 public:
  ChunkFiles(format::Geometry geometry, TableFiles& files) : geometry_(geometry), files_(files) {}

  // Precondition: objects come in ascending order of their addresses.
  [[nodiscard]] Result<void> add(std::string path, const format::ObjectRecord& object);
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> enter(ChunkId chunk);

  const format::Geometry geometry_;
  TableFiles& files_;
  ChunkId chunk_;
  std::string record_;  // encoded extents of chunk_ so far
};

}  // namespace shoal::index
