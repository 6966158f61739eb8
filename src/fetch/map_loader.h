// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/executor.h"
#include "format/records.h"
#include "index/index.h"

namespace shoal::fetch {

// Chunk maps (which objects lie where in a chunk), looked up in the index on a worker thread and
// kept, least recently used given up first, within a bound of bytes. confined.
class MapLoader {
 public:
  using Done = std::move_only_function<void(ChunkId, Result<void>)>;
  // `done` is called on `executor` after each load; on success the map is there until the next
  // load.
  MapLoader(LoopExecutor& executor, Executor& worker, const index::ChunkMap& map,
            format::Geometry geometry, std::uint64_t bytes_max, Done done);

  // Null when it has to be loaded.
  [[nodiscard]] const format::ChunkRecord* find(ChunkId chunk);
  // Starts a load unless one is under way.
  void load(ChunkId chunk);
  [[nodiscard]] std::size_t loading() const { return loading_.size(); }

 private:
  struct Kept {
    format::ChunkRecord record;
    std::uint64_t bytes = 0;
    std::list<ChunkId>::iterator used_at;
  };
  void loaded(ChunkId chunk, Result<format::ChunkRecord> record);
  void keep(ChunkId chunk, format::ChunkRecord record);

  LoopExecutor& executor_;
  Executor& worker_;
  const index::ChunkMap& map_;
  format::Geometry geometry_;
  std::uint64_t bytes_max_;
  Done done_;
  std::unordered_map<ChunkId, Kept> kept_;
  std::list<ChunkId> by_use_;  // least recently used first
  std::uint64_t bytes_ = 0;
  std::unordered_set<ChunkId> loading_;
};

// Refuses a record that does not fit the geometry: extents out of order, overlapping in a block,
// empty, off a block boundary or past the chunk's end.
[[nodiscard]] Result<void> check_extents(ChunkId chunk, const format::ChunkRecord& record,
                                         const format::Geometry& geometry);

}  // namespace shoal::fetch
