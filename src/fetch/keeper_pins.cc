// SPDX-License-Identifier: Apache-2.0
// ChunkKeeper: what a start found, and what must not be evicted. A pin counts the chunk's bytes
// before they are all in the cache, so that pins together can never crowd everything else out; it
// is written into the chunk's record with the next flush, or at once when the file has bytes of it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "fetch/chunk_keeper.h"

namespace shoal::fetch {

void ChunkKeeper::restore(Chunk& chunk, const format::CacheRecord& record) {
  chunk.in_file = cache::BlockSet::from_words(parts_.geometry.blocks_per_chunk(), record.present);
  chunk.xxh3 = record.xxh3;
  chunk.verified = false;
  set_sealed(chunk, record.sealed);
  if (chunk.sealed) chunk.object_blocks = chunk.in_file.count();
  if (record.pinned) {
    chunk.pinned = true;
    chunk.pin_recorded = true;
    chunk.pinned_bytes = std::uint64_t{chunk.in_file.count()} * parts_.geometry.block_bytes;
    parts_.cache->add_pinned(chunk.pinned_bytes);
  }
  evictor_.on_cached(chunk);
  table_.settle(chunk);
}

std::uint64_t ChunkKeeper::object_bytes(const Chunk& chunk) const {
  return std::uint64_t{chunk.object_blocks} * parts_.geometry.block_bytes;
}

Result<void> ChunkKeeper::pin(Chunk& chunk) {
  SHOAL_ASSERT(chunk.object_blocks > 0);
  if (chunk.pinned) return {};
  if (parts_.cache == nullptr)
    return fail(ErrorCode::unsupported, "pin: this volume has no cache file to keep bytes in",
                "Open it with its cache.");
  const std::uint64_t bytes = object_bytes(chunk);
  if (!parts_.cache->try_pin(bytes)) {
    counters_.pins_refused.add(1);
    return fail(
        ErrorCode::limit,
        fmt::format("pin chunk {} of {} bytes: {} of {} bytes are pinned already", chunk.id.value,
                    bytes, parts_.cache->pinned_bytes(), parts_.cache->pinned_bytes_max()),
        "Unpin something, or give the cache more space (--cache-size); a part of it always "
        "stays for what is not pinned.");
  }
  chunk.pinned = true;
  chunk.pinned_bytes = bytes;
  record_pin(chunk);
  return {};
}

void ChunkKeeper::unpin(Chunk& chunk) {
  if (!chunk.pinned) return;
  chunk.pinned = false;
  parts_.cache->unpin(std::exchange(chunk.pinned_bytes, 0));
  record_pin(chunk);
}

void ChunkKeeper::learn_pinned(Chunk& chunk) {
  if (!chunk.pinned || chunk.pinned_bytes >= object_bytes(chunk)) return;
  parts_.cache->add_pinned(object_bytes(chunk) - chunk.pinned_bytes);
  chunk.pinned_bytes = object_bytes(chunk);
}

// Brings the record up to date; what is in no file has none.
void ChunkKeeper::record_pin(Chunk& chunk) {
  if (chunk.pin_recorded == chunk.pinned || chunk.busy != Chunk::Busy::no ||
      chunk.in_file.empty() || chunk.discard)
    return;
  chunk.busy = Chunk::Busy::recording;
  jobs_ += 1;
  parts_.worker.post([this, &chunk, sealed = chunk.sealed,
                      stored = cache::Stored{chunk.in_file, chunk.xxh3, chunk.pinned}] {
    const bool is_stored = parts_.cache->record(chunk.id, stored, sealed).has_value();
    parts_.executor.post([this, &chunk, pinned = stored.pinned, is_stored] {
      on_pin_recorded(chunk, pinned, is_stored);
    });
  });
}

void ChunkKeeper::on_pin_recorded(Chunk& chunk, bool pinned, bool stored) {
  if (stored) {
    chunk.pin_recorded = pinned;
    end_job(chunk);
    return;
  }
  counters_.cache_write_errors.add(1);  // the next flush or pin writes it
  jobs_ -= 1;
  chunk.busy = Chunk::Busy::no;
  host_.on_chunk_ready(chunk);
}

void ChunkKeeper::end_job(Chunk& chunk) {
  jobs_ -= 1;
  chunk.busy = Chunk::Busy::no;
  record_pin(chunk);  // it may have been pinned meanwhile
  host_.on_chunk_ready(chunk);
}

}  // namespace shoal::fetch
