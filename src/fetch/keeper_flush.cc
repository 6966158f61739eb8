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
  parts_.worker.post([this, &chunk, stored = cache::Stored{chunk.in_file, chunk.xxh3}] {
    const auto verified = parts_.cache->verify(chunk.id, stored);
    const bool good = verified && *verified;
    if (!good)
      ignore(parts_.cache->drop(chunk.id), "a record that stays behind fails its checksum again");
    parts_.executor.post([this, &chunk, good] {
      jobs_ -= 1;
      chunk.busy = Chunk::Busy::no;
      chunk.verified = true;
      if (!good) {
        counters_.checksum_failures.add(1);
        set_absent_in_file(chunk);
      }
      host_.on_chunk_ready(chunk);
    });
  });
}

bool ChunkKeeper::flush(Chunk& chunk) {
  if (parts_.cache == nullptr || chunk.busy != Chunk::Busy::no || chunk.discard ||
      chunk.room_wanted || parts_.executor.clock().now() < chunk.flush_not_before)
    return false;
  cache::BlockSet fresh = chunk.in_memory;
  fresh -= chunk.in_file;
  const std::uint32_t count = fresh.count();
  if (count == 0) return false;
  const std::uint64_t bytes = std::uint64_t{count} * parts_.geometry.block_bytes;
  if (bytes > parts_.cache->bytes_max()) return false;
  if (!parts_.cache->reserve(count)) {
    if (!make_room(bytes)) {
      // Full by its own bound the cache finds room sooner or later; on a full disk it does not.
      if (parts_.cache->is_disk_low(bytes)) {
        counters_.cache_write_errors.add(1);
        chunk.flush_not_before = parts_.executor.clock().now() + kFlushRetryDelay;
      }
      return false;
    }
    chunk.room_wanted = true;
    room_wanted_.push_back(chunk.id);
    return false;
  }
  chunk.busy = Chunk::Busy::flushing;
  jobs_ += 1;
  write(std::make_shared<FlushJob>(FlushJob{chunk,
                                            std::move(fresh),
                                            {chunk.in_file, chunk.xxh3},
                                            chunk.buffer.data(),
                                            chunk.object_blocks,
                                            0,
                                            false,
                                            {}}));
  return true;
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
    parts_.io.write(parts_.cache->fd(), bytes, base + offset,
                    [this, job](Result<std::size_t> wrote) {
                      if (!wrote && !job->error) job->error = std::move(wrote).error();
                      on_written(job);
                    });
  });
  on_written(job);
}

void ChunkKeeper::on_written(const FlushJobPtr& job) {
  if (--job->writes_left > 0) return;
  if (!job->error) {
    commit(job);
    return;
  }
  const std::uint64_t bytes = std::uint64_t{job->fresh.count()} * parts_.geometry.block_bytes;
  if (job->error->code() == ErrorCode::no_space && !job->tried_again && make_room(bytes)) {
    job->tried_again = true;
    space_wanted_.push_back(job);
    return;
  }
  fail_flush(job);
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
    parts_.cache->release(job->old.blocks.count());
    cache::BlockSet lost = job->old.blocks;
    lost -= chunk.in_memory;
    forget_unread(chunk, lost);
  }
  chunk.in_file = commit->stored.blocks;
  chunk.xxh3 = commit->stored.xxh3;
  chunk.verified = true;
  set_sealed(chunk, commit->sealed);
  end_flush(chunk);
}

// The file did not take the bytes: they stay in memory, and what was written of them is given back.
void ChunkKeeper::fail_flush(const FlushJobPtr& job) {
  counters_.cache_write_errors.add(1);
  job->chunk.flush_not_before = parts_.executor.clock().now() + kFlushRetryDelay;
  parts_.worker.post([this, job] {
    ignore(parts_.cache->punch(job->chunk.id, job->fresh),
           "unrecorded bytes are given back at the next start at the latest");
    parts_.executor.post([this, job] {
      parts_.cache->release(job->fresh.count());
      end_flush(job->chunk);
    });
  });
}

void ChunkKeeper::end_flush(Chunk& chunk) {
  jobs_ -= 1;
  chunk.busy = Chunk::Busy::no;
  const bool complete = chunk.sealed && chunk.in_flight == 0;
  if ((memory_wanted_ || complete) && chunk.in_flight == 0 && !chunk.is_dirty())
    release_buffer(chunk);
  memory_wanted_ = false;
  host_.on_chunk_ready(chunk);
}

}  // namespace shoal::fetch
