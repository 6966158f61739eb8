// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "fetch/chunk.h"

namespace shoal::fetch {

// The chunks of one owner that are not wholly absent: those with a buffer in the order of their
// last use, those with bytes in the cache file in no order. confined.
class ChunkTable {
 public:
  explicit ChunkTable(std::uint32_t blocks_per_chunk) : blocks_per_chunk_(blocks_per_chunk) {}

  [[nodiscard]] Chunk* find(ChunkId id);
  [[nodiscard]] Chunk& get(ChunkId id);
  void touch(Chunk& chunk, TimePoint now);
  // Brings the orders up to date with the chunk's buffer and blocks, and forgets the chunk when it
  // is absent and nobody waits for it. The reference is dead when this returns true.
  bool settle(Chunk& chunk);

  [[nodiscard]] std::list<Chunk*>& buffered() { return buffered_; }  // least recently used first
  [[nodiscard]] const std::vector<Chunk*>& cached() const { return cached_; }
  [[nodiscard]] std::size_t size() const { return chunks_.size(); }
  // What is pinned, also where nothing is cached of it so far.
  template <typename Visit>
  void each(Visit visit) {
    for (auto& [id, chunk] : chunks_) visit(*chunk);
  }

 private:
  std::uint32_t blocks_per_chunk_;
  std::unordered_map<ChunkId, std::unique_ptr<Chunk>> chunks_;
  std::list<Chunk*> buffered_;
  std::vector<Chunk*> cached_;
};

}  // namespace shoal::fetch
