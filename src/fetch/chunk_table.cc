// SPDX-License-Identifier: Apache-2.0
#include "fetch/chunk_table.h"

namespace shoal::fetch {

Chunk* ChunkTable::find(ChunkId id) {
  const auto found = chunks_.find(id);
  return found == chunks_.end() ? nullptr : found->second.get();
}

Chunk& ChunkTable::get(ChunkId id) {
  auto& slot = chunks_[id];
  if (!slot) slot = std::make_unique<Chunk>(id, blocks_per_chunk_);
  return *slot;
}

void ChunkTable::touch(Chunk& chunk, TimePoint now) {
  chunk.touched = now;
  if (chunk.buffered_in != nullptr) buffered_.splice(buffered_.end(), buffered_, chunk.buffered_at);
  if (chunk.cached_in != nullptr) cached_.splice(cached_.end(), cached_, chunk.cached_at);
}

bool ChunkTable::settle(Chunk& chunk) {
  const bool buffered = static_cast<bool>(chunk.buffer);
  if (buffered && chunk.buffered_in == nullptr) {
    chunk.buffered_at = buffered_.insert(buffered_.end(), &chunk);
    chunk.buffered_in = &buffered_;
  } else if (!buffered && chunk.buffered_in != nullptr) {
    buffered_.erase(chunk.buffered_at);
    chunk.buffered_in = nullptr;
  }
  const bool cached = !chunk.in_file.empty();
  if (cached && chunk.cached_in == nullptr) {
    chunk.cached_at = cached_.insert(cached_.end(), &chunk);
    chunk.cached_in = &cached_;
  } else if (!cached && chunk.cached_in != nullptr) {
    cached_.erase(chunk.cached_at);
    chunk.cached_in = nullptr;
  }
  const bool wanted = buffered || cached || chunk.busy != Chunk::Busy::no || chunk.file_reads > 0 ||
                      !chunk.ops.empty() || !chunk.pending.empty() || !chunk.parked.empty();
  if (wanted) return false;
  chunks_.erase(chunk.id);
  return true;
}

}  // namespace shoal::fetch
