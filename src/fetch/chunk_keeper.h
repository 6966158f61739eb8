// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cache/cache_store.h"
#include "cache/chunk_buffer.h"
#include "cache/file_io.h"
#include "fetch/chunk_table.h"
#include "fetch/counters.h"
#include "fetch/evictor.h"

// Moves chunks between their buffers and the cache file: verifies what a start found, flushes what
// was fetched, evicts what the Evictor names, keeps pins, and finds memory and cache space when
// they run short. A chunk has at most one such job at a time (Chunk::busy). A failure here costs a
// fetch, never a read.

namespace shoal::fetch {

class KeeperHost {
 public:
  virtual ~KeeperHost() = default;
  // A job with the chunk's file bytes ended: what waits for it can go on. Last use of `chunk` by
  // the keeper; the host settles it in the table.
  virtual void on_chunk_ready(Chunk& chunk) = 0;
  // Prefetched blocks [begin, end) were dropped before anybody read them.
  virtual void on_wasted(const Chunk& chunk, std::uint32_t begin, std::uint32_t end) = 0;
};

struct KeeperParts {
  LoopExecutor& executor;
  Executor& worker;  // for what blocks on a disk
  cache::FileIo& io;
  cache::CacheStore* cache;  // null: memory only
  cache::Budget& buffer_bytes;
  format::Geometry geometry;
  // The cache is full and this owner has nothing left to evict: ask the others. synchronized.
  std::function<void(std::uint64_t bytes)> ask_others_to_evict;
};

// confined.
class ChunkKeeper {
 public:
  ChunkKeeper(KeeperParts parts, ChunkTable& table, Counters& counters, KeeperHost& host);
  ~ChunkKeeper();

  void set_eviction(EvictionMode mode, std::shared_ptr<const NextUse> next_use) {
    evictor_.set(mode, std::move(next_use));
  }
  // Takes over what a start found.
  void restore(Chunk& chunk, const format::CacheRecord& record);
  // A reader came to the chunk.
  void on_read(Chunk& chunk) { evictor_.on_read(chunk); }

  // Makes [begin, end) of the chunk's buffer usable, giving up other buffers if it must; false: not
  // now. Prefetch may fill three quarters of the memory and throws no unread bytes away.
  [[nodiscard]] bool reserve(Chunk& chunk, std::uint32_t begin, std::uint32_t end, bool demand);
  // Checks the file's blocks of a restored chunk. Precondition: not busy.
  void verify(Chunk& chunk);
  // Drops file bytes that could not be read. Precondition: not busy, no file reads.
  void discard(Chunk& chunk);
  // Writes what is only in memory; false when there is nothing to write or it cannot be done now.
  bool flush(Chunk& chunk);
  void flush_all();
  // Somebody has read the last prefetched bytes of the chunk; the kernel has them now.
  void on_all_read(Chunk& chunk);
  // Starts evicting for another owner.
  void evict(std::uint64_t bytes);
  // The chunk is not evicted until unpin(), also after a start. `limit` when too much is pinned,
  // `unsupported` without a cache file. Precondition: object_blocks is known.
  [[nodiscard]] Result<void> pin(Chunk& chunk);
  void unpin(Chunk& chunk);
  // The chunk's map is known: counts its pin in full.
  void learn_pinned(Chunk& chunk);
  // The end: gives up every buffer and the timer; unflushed bytes are lost. Timers belong to the
  // executor's thread, so this cannot wait for the destructor, which may run on another one.
  // Precondition: is_idle(), nothing in flight.
  void stop();
  // No job under way.
  [[nodiscard]] bool is_idle() const { return jobs_ == 0; }
  [[nodiscard]] std::uint64_t buffer_bytes() const { return pool_.used_bytes(); }

 private:
  struct FlushJob;
  using FlushJobPtr =
      std::shared_ptr<FlushJob>;  // shared by its writes' callbacks; last one ends it
  enum class DropReason { evicted, damaged };

  bool relieve(std::uint64_t bytes, bool demand);
  bool give_up_buffer(Chunk& chunk, bool lose_dirty);
  void release_buffer(Chunk& chunk);
  void forget_unread(Chunk& chunk, const cache::BlockSet& lost);
  void release_all();
  void sweep();
  void arm_sweep();

  void want_room(Chunk& chunk, std::uint64_t bytes);
  void write(const FlushJobPtr& job);
  void on_written(const FlushJobPtr& job);
  void commit(const FlushJobPtr& job);
  void on_committed(const FlushJobPtr& job, Result<cache::CacheStore::Commit> commit);
  void fail_flush(const FlushJobPtr& job);
  void end_flush(Chunk& chunk);

  // Cache space: on its way, none to be had at the moment, or not for this chunk.
  enum class Room { coming, none, refused };
  Room make_room(const Chunk& newcomer, std::uint64_t bytes);
  bool evict_for(const Chunk* newcomer, std::uint64_t bytes);
  void start_drop(Chunk& chunk, DropReason reason);
  void on_dropped(Chunk& chunk, DropReason reason, bool dropped);
  void set_absent_in_file(Chunk& chunk, bool is_punched);
  void set_sealed(Chunk& chunk, bool sealed);
  void retry_what_wants_room();
  void refuse(Chunk& chunk);

  void record_pin(Chunk& chunk);
  void on_pin_recorded(Chunk& chunk, bool pinned, bool stored);
  void end_job(Chunk& chunk);
  [[nodiscard]] std::uint64_t object_bytes(const Chunk& chunk) const;

  KeeperParts parts_;
  ChunkTable& table_;
  Counters& counters_;
  KeeperHost& host_;
  Evictor evictor_;
  cache::BufferPool pool_;
  std::uint64_t jobs_ = 0;
  std::uint64_t dropping_bytes_ = 0;
  bool memory_wanted_ = false;
  std::vector<ChunkId> room_wanted_;       // full cache: flush again after an eviction
  std::vector<FlushJobPtr> space_wanted_;  // full disk: write again after an eviction
  std::optional<LoopExecutor::TimerId> sweep_timer_;
};

}  // namespace shoal::fetch
