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
  if (chunk.is_buffered) buffered_.splice(buffered_.end(), buffered_, chunk.buffered_at);
}

bool ChunkTable::settle(Chunk& chunk) {
  const bool buffered = static_cast<bool>(chunk.buffer);
  if (buffered != chunk.is_buffered) {
    if (buffered)
      chunk.buffered_at = buffered_.insert(buffered_.end(), &chunk);
    else
      buffered_.erase(chunk.buffered_at);
    chunk.is_buffered = buffered;
  }
  const bool cached = !chunk.in_file.empty();
  if (cached && chunk.cached_at == Chunk::kNowhere) {
    chunk.cached_at = cached_.size();
    cached_.push_back(&chunk);
  } else if (!cached && chunk.cached_at != Chunk::kNowhere) {
    cached_[chunk.cached_at] = cached_.back();
    cached_[chunk.cached_at]->cached_at = chunk.cached_at;
    cached_.pop_back();
    chunk.cached_at = Chunk::kNowhere;
  }
  const bool wanted = buffered || cached || chunk.pinned || chunk.busy != Chunk::Busy::no ||
                      chunk.file_reads > 0 || !chunk.ops.empty() || !chunk.pending.empty() ||
                      !chunk.parked.empty();
  if (wanted) return false;
  chunks_.erase(chunk.id);
  return true;
}

}  // namespace shoal::fetch
