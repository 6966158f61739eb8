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

// Moves chunks between their buffers and the cache file: verifies what a start found, flushes what
// was fetched, evicts what is old, and finds memory and cache space when they run short. A chunk
// has at most one such job at a time (Chunk::busy). A failure here costs a fetch, never a read.

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
  // Starts evicting the least recently used chunks; returns the bytes that will be free.
  std::uint64_t evict(std::uint64_t bytes);
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

  void write(const FlushJobPtr& job);
  void on_written(const FlushJobPtr& job);
  void commit(const FlushJobPtr& job);
  void on_committed(const FlushJobPtr& job, Result<cache::CacheStore::Commit> commit);
  void fail_flush(const FlushJobPtr& job);
  void end_flush(Chunk& chunk);

  bool make_room(std::uint64_t bytes);
  void start_drop(Chunk& chunk, DropReason reason);
  void on_dropped(Chunk& chunk, DropReason reason, bool dropped);
  void set_absent_in_file(Chunk& chunk);
  void set_sealed(Chunk& chunk, bool sealed);
  void retry_what_wants_room();

  KeeperParts parts_;
  ChunkTable& table_;
  Counters& counters_;
  KeeperHost& host_;
  cache::BufferPool pool_;
  std::uint64_t jobs_ = 0;
  std::uint64_t dropping_bytes_ = 0;
  bool memory_wanted_ = false;
  std::vector<ChunkId> room_wanted_;       // full cache: flush again after an eviction
  std::vector<FlushJobPtr> space_wanted_;  // full disk: write again after an eviction
  std::optional<LoopExecutor::TimerId> sweep_timer_;
};

}  // namespace shoal::fetch
