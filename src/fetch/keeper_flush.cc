// SPDX-License-Identifier: Apache-2.0
// The jobs of ChunkKeeper with the content of the cache file: verify and flush.
#include <utility>

#include "base/assert.h"
#include "fetch/chunk_keeper.h"

namespace shoal::fetch {
namespace {

using namespace std::chrono_literals;

// A disk that refuses a write is left alone for a while; the bytes are served from memory.
constexpr auto kFlushRetryDelay = 5s;

}  // namespace

struct ChunkKeeper::FlushJob {
  Chunk& chunk;
  cache::BlockSet fresh;
  cache::Stored old;
  std::uint64_t charge = 0;         // bytes reserved in the cache
  const std::byte* data = nullptr;  // the chunk's buffer; stays while the chunk is flushing
  std::uint32_t object_blocks = 0;
  std::uint32_t writes_left = 0;
  bool tried_again = false;
  std::optional<Error> error;
};

void ChunkKeeper::verify(Chunk& chunk) {
  SHOAL_ASSERT(chunk.busy == Chunk::Busy::no && !chunk.verified);
  chunk.busy = Chunk::Busy::verifying;
  jobs_ += 1;
  parts_.worker.post(
      [this, &chunk, stored = cache::Stored{chunk.in_file, chunk.xxh3, chunk.pinned}] {
        const auto verified = parts_.cache->verify(chunk.id, stored);
        const bool good = verified && *verified;
        // A record that stays behind fails its checksum again.
        const bool dropped = !good && parts_.cache->drop(chunk.id).has_value();
        parts_.executor.post([this, &chunk, good, dropped] {
          chunk.verified = true;
          if (!good) {
            counters_.checksum_failures.add(1);
            set_absent_in_file(chunk, dropped);
          }
          end_job(chunk);
        });
      });
}

bool ChunkKeeper::flush(Chunk& chunk) {
  if (parts_.cache == nullptr || chunk.busy != Chunk::Busy::no || chunk.discard ||
      chunk.room_wanted || parts_.executor.clock().now() < chunk.flush_not_before)
    return false;
  if (!chunk.is_dirty()) return false;
  cache::BlockSet fresh = chunk.in_memory;
  fresh -= chunk.in_file;
  cache::BlockSet all = chunk.in_file;
  all |= fresh;
  const std::uint64_t bytes =
      parts_.cache->disk_bytes(all) - parts_.cache->disk_bytes(chunk.in_file);
  if (bytes > parts_.cache->bytes_max()) {
    refuse(chunk);
    return false;
  }
  if (!parts_.cache->reserve(bytes)) {
    want_room(chunk, bytes);
    return false;
  }
  chunk.busy = Chunk::Busy::flushing;
  chunk.refused = false;
  jobs_ += 1;
  write(std::make_shared<FlushJob>(FlushJob{chunk,
                                            std::move(fresh),
                                            {chunk.in_file, chunk.xxh3, chunk.pinned},
                                            bytes,
                                            chunk.buffer.data(),
                                            chunk.object_blocks,
                                            0,
                                            false,
                                            {}}));
  return true;
}

void ChunkKeeper::want_room(Chunk& chunk, std::uint64_t bytes) {
  switch (make_room(chunk, bytes)) {
    case Room::coming:
      chunk.room_wanted = true;
      room_wanted_.push_back(chunk.id);
      return;
    case Room::none:
      // Full by its own bound the cache finds room sooner or later; on a full disk it does not.
      if (!parts_.cache->is_disk_low(bytes)) return;
      counters_.cache_write_errors.add(1);
      chunk.flush_not_before = parts_.executor.clock().now() + kFlushRetryDelay;
      return;
    case Room::refused:
      refuse(chunk);
      return;
  }
}

void ChunkKeeper::write(const FlushJobPtr& job) {
  const std::uint32_t block_bytes = parts_.geometry.block_bytes;
  const std::uint64_t base = parts_.cache->file_offset(job->chunk.id);
  job->error.reset();
  job->writes_left = 1;  // held until all are started
  job->fresh.each_run([&](std::uint32_t begin, std::uint32_t end) {
    const std::uint64_t offset = std::uint64_t{begin} * block_bytes;
    const ByteSpan bytes(job->data + offset, std::uint64_t{end - begin} * block_bytes);
    job->writes_left += 1;
    parts_.io.write(parts_.cache->write_fd(bytes, base + offset), bytes, base + offset,
                    [this, job](Result<std::size_t> wrote) {
                      if (!wrote && !job->error) job->error = std::move(wrote).error();
                      on_written(job);
                    });
  });
  on_written(job);
}

void ChunkKeeper::on_written(const FlushJobPtr& job) {
  if (--job->writes_left > 0) return;
  if (job->error && job->error->code() == ErrorCode::no_space && !job->tried_again &&
      make_room(job->chunk, job->charge) == Room::coming) {
    job->tried_again = true;
    space_wanted_.push_back(job);
    return;
  }
  parts_.cache->written(job->charge);
  if (job->error)
    fail_flush(job);
  else
    commit(job);
}

void ChunkKeeper::commit(const FlushJobPtr& job) {
  parts_.worker.post([this, job] {
    auto commit =
        parts_.cache->commit(job->chunk.id, job->old, job->fresh, job->data, job->object_blocks);
    parts_.executor.post([this, job, commit = std::move(commit)]() mutable {
      on_committed(job, std::move(commit));
    });
  });
}

void ChunkKeeper::on_committed(const FlushJobPtr& job, Result<cache::CacheStore::Commit> commit) {
  if (!commit) {
    fail_flush(job);
    return;
  }
  Chunk& chunk = job->chunk;
  if (commit->old_damaged) {
    counters_.checksum_failures.add(1);
    cache::BlockSet all = job->old.blocks;
    all |= job->fresh;
    parts_.cache->release(parts_.cache->disk_bytes(all) -
                          parts_.cache->disk_bytes(commit->stored.blocks));
    cache::BlockSet lost = job->old.blocks;
    lost -= chunk.in_memory;
    forget_unread(chunk, lost);
  }
  chunk.in_file = commit->stored.blocks;
  chunk.xxh3 = commit->stored.xxh3;
  chunk.verified = true;
  chunk.warmed = false;
  chunk.pin_recorded = job->old.pinned;
  set_sealed(chunk, commit->sealed);
  evictor_.on_cached(chunk);
  end_flush(chunk);
}

// The file did not take the bytes: they stay in memory, and what was written of them is given back.
void ChunkKeeper::fail_flush(const FlushJobPtr& job) {
  counters_.cache_write_errors.add(1);
  job->chunk.flush_not_before = parts_.executor.clock().now() + kFlushRetryDelay;
  parts_.worker.post([this, job] {
    const bool punched = parts_.cache->punch(job->chunk.id, job->fresh).has_value();
    parts_.executor.post([this, job, punched] {
      // Bytes that could not be punched out stay counted until a start gives them back.
      if (punched) parts_.cache->release(job->charge);
      end_flush(job->chunk);
    });
  });
}

void ChunkKeeper::end_flush(Chunk& chunk) {
  // What was prefetched waits for its reader where it is: read from the file it would pass through
  // the page cache once more.
  const bool is_of_no_use = chunk.sealed && chunk.unread.empty();
  chunk.busy = Chunk::Busy::no;
  if ((memory_wanted_ || is_of_no_use) && chunk.in_flight == 0 && !chunk.is_dirty())
    release_buffer(chunk);
  memory_wanted_ = false;
  end_job(chunk);
}

}  // namespace shoal::fetch
