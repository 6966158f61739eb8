// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "format/layout.h"
#include "index/index.h"
#include "prefetch/shuffle.h"
#include "shoal/volume.h"

namespace shoal::volume {

// The files of one shuffled epoch, in its order, group by group: the rule of prefetch/shuffle.h
// applied to an index. Memory: the rule's, and the names of one group. confined. Blocks.
class ShuffledFiles {
 public:
  struct File {
    std::string path;
    DataAddress begin;
    std::uint64_t length = 0;
  };
  // Reads through all chunk maps once. `map` outlives the object. Fails with bad_input when groups
  // would be smaller than a chunk.
  [[nodiscard]] static Result<ShuffledFiles> create(const index::ChunkMap& map,
                                                    format::Geometry geometry, DataAddress data_end,
                                                    const ShuffledEpoch& epoch);
  // Replaces `files` by the next group; false: there is none.
  [[nodiscard]] Result<bool> next_group(std::vector<File>& files);
  [[nodiscard]] std::uint64_t file_count() const { return rule_.file_count(); }

 private:
  ShuffledFiles(const index::ChunkMap& map, format::Geometry geometry,
                const prefetch::ShuffleOptions& options, std::vector<std::uint32_t> counts);
  [[nodiscard]] Result<void> load(ChunkId chunk, std::vector<File>& files) const;

  const index::ChunkMap& map_;
  format::Geometry geometry_;
  std::vector<std::uint64_t> first_;  // number of the first file that begins in each chunk
  prefetch::ShuffleRule rule_;
  std::vector<std::uint64_t> numbers_;  // of the group under way
};

}  // namespace shoal::volume
