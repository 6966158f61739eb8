// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <unordered_map>

#include "fetch/chunk.h"

namespace shoal::fetch {

// The chunks of one owner that are not wholly absent, and the two orders in which they are given
// up: those with a buffer, those with bytes in the cache file; least recently used first. confined.
class ChunkTable {
 public:
  explicit ChunkTable(std::uint32_t blocks_per_chunk) : blocks_per_chunk_(blocks_per_chunk) {}

  [[nodiscard]] Chunk* find(ChunkId id);
  [[nodiscard]] Chunk& get(ChunkId id);
  void touch(Chunk& chunk, TimePoint now);
  // Brings the orders up to date with the chunk's buffer and blocks, and forgets the chunk when it
  // is absent and nobody waits for it. The reference is dead when this returns true.
  bool settle(Chunk& chunk);

  [[nodiscard]] std::list<Chunk*>& buffered() { return buffered_; }
  [[nodiscard]] std::list<Chunk*>& cached() { return cached_; }
  [[nodiscard]] std::size_t size() const { return chunks_.size(); }

 private:
  std::uint32_t blocks_per_chunk_;
  std::unordered_map<ChunkId, std::unique_ptr<Chunk>> chunks_;
  std::list<Chunk*> buffered_;
  std::list<Chunk*> cached_;
};

}  // namespace shoal::fetch
