// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fetch/body_check.h"
#include "fetch/chunk_keeper.h"
#include "fetch/chunk_table.h"
#include "fetch/counters.h"
#include "fetch/deadlines.h"
#include "fetch/fetch_queue.h"
#include "fetch/map_loader.h"
#include "fetch/observer.h"
#include "fetch/op_pool.h"

// The heart of the read side. A ChunkOwner has the chunks that hash to one fetch thread and answers
// reads of them: from the chunk's buffer, from the cache file, or by fetching the objects that lie
// there. It is confined to its thread's executor, so nothing on the data path takes a lock; other
// threads hand it reads through submit(), a lock-free stack that costs the executor one post
// however many reads stand in it.
//
// A read is answered in pieces, one per stretch of blocks in the same state (see Chunk). What the
// owner has to learn first, the chunk's map or whether its bytes in the cache file are good, it
// learns on a worker thread while the read stands in Chunk::pending; then the read is looked at
// again from the start. What is absent is fetched by extents (see owner_plan.cc): small objects
// whole, of large ones what a reader is after; in place into the chunk's buffer, readers answered
// as soon as their bytes are there.
//
// Bounds: GETs in flight and buffer bytes by shared budgets, chunk maps by map_bytes_max, queued
// prefetches by kPrefetchOpsMax and kPrefetchRangesMax, everything else by the readers that wait.
// tests/sim runs this class under virtual time with faults.

namespace shoal::fetch {

struct OwnerParts {
  std::uint32_t number = 0;  // of this owner, for the observer
  LoopExecutor& executor;
  Executor& worker;
  cache::FileIo& io;
  store::ObjectStore& store;
  const index::ChunkMap& map;
  cache::CacheStore* cache = nullptr;  // null: memory only
  cache::Budget& requests;
  cache::Budget& buffer_bytes;
  format::Geometry geometry;
  std::string key_prefix;  // of the dataset; extents name paths below it
  std::uint64_t map_bytes_max = 8u << 20;
  // Not one byte nobody asked for: exactly the blocks of each request, no guesses.
  bool direct = false;
  Observer& observer;
  std::function<void(std::uint64_t bytes)> ask_others_to_evict;
};

// confined to parts.executor, except where noted. All parts outlive it.
class ChunkOwner final : private FetchHost, private KeeperHost {
 public:
  explicit ChunkOwner(OwnerParts parts);
  ~ChunkOwner() override;  // precondition: closed, or never used

  // Takes over what a start found in the cache file. Before the first submit().
  void restore(ChunkId chunk, const format::CacheRecord& record);

  // synchronized. Borrows `part` until its on_done().
  void submit(ReadPart& part);
  // Notes that what is absent of the range is to be fetched when there is nothing better to do. The
  // fetches start with the next event, or with start_prefetches(), which must not be called from
  // inside the observer.
  void prefetch(ChunkId chunk, ByteRange range);
  void start_prefetches() { pump(); }
  // Forgets what prefetch() noted and has not been started: all, or what lies in the range.
  void drop_guesses();
  void drop_guesses(ChunkId chunk, ByteRange range);
  // How room is made in a full cache from here on; `next_use` for that mode and only then.
  void set_eviction(EvictionMode mode, std::shared_ptr<const NextUse> next_use = nullptr) {
    keeper_.set_eviction(mode, std::move(next_use));
  }
  // Gives up cached chunks, for another owner.
  void evict(std::uint64_t bytes);
  // Ends everything and calls `done`: reads under way may finish until `deadline`, then get
  // `closed`; fetched bytes go to the cache file. Call once. Reads that come later get `closed`.
  void close(TimePoint deadline, Task done);

  // synchronized.
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  enum class Closing { no, draining, flushing, closed };
  struct Want {
    std::uint32_t begin;
    std::uint32_t end;
    std::byte* target;
  };

  // chunk_owner.cc: requests
  void drain();
  void answer(ReadPart& part);
  [[nodiscard]] bool must_pend(Chunk& chunk, ReadPart& part);
  [[nodiscard]] bool must_verify(Chunk& chunk);
  void want_map(Chunk& chunk, ReadPart& part);
  void pend(Chunk& chunk, ReadPart& part);
  void answer_in_pieces(Chunk& chunk, ReadPart& part);
  std::uint32_t next_piece(Chunk& chunk, ReadPart& part, const Want& want);
  std::uint32_t piece_in_file(Chunk& chunk, ReadPart& part, const Want& want);
  std::uint32_t piece_to_fetch(Chunk& chunk, ReadPart& part, const Want& want);
  void on_file_read(Chunk& chunk, ReadPart& part, bool complete);
  void end_piece(ReadPart& part);
  void expire(ReadPart& part);
  void detach(Chunk& chunk, ReadPart& part);
  void note_read(Chunk& chunk, const ReadPart& part);
  void report();
  void resume(Chunk& chunk);
  void on_map(ChunkId chunk, Result<void> result);
  void on_chunk_ready(Chunk& chunk) override;
  void on_wasted(const Chunk& chunk, std::uint32_t begin, std::uint32_t end) override;

  // owner_fetch.cc: the life of an op
  FetchOp& make_op(Chunk& chunk, const format::Extent& extent, ByteRange range);
  void drop_op(FetchOp& op);
  [[nodiscard]] FetchOp* op_at(const Chunk& chunk, std::uint32_t block) const;
  void wait_for(FetchOp& op, ReadPart& part, const Want& want);
  bool prepare(FetchOp& op) override;
  Result<void> on_bytes(FetchOp& op, ByteSpan bytes) override;
  void on_finished(FetchOp& op, Result<void> result) override;
  void answer_arrived(FetchOp& op);
  void hold_for_check(FetchOp& op);
  void check_soon();
  void check_and_go_on();
  void check_arrived();
  void on_checked(FetchOp& op, BodyCheck::Verdict verdict);
  void conclude(FetchOp& op, Result<void> result, bool fetch_it_again);
  void on_fetched(FetchOp& op);
  [[nodiscard]] bool is_worth_another(const FetchOp& op, const Error& error) const;
  void fetch_again(FetchOp& op);
  void waste_unread(FetchOp& op);
  void on_fetch_failed(FetchOp& op, Error error);

  // owner_plan.cc: what to fetch
  void learn_object_blocks(Chunk& chunk, const format::ChunkRecord& map);
  [[nodiscard]] ByteRange plan(const Chunk& chunk, const format::Extent& extent,
                               ByteRange wish) const;
  [[nodiscard]] static std::uint32_t known_run_begin(const Chunk& chunk, std::uint32_t block,
                                                     std::uint32_t least);
  void plan_prefetches();
  void plan_prefetch(Chunk& chunk, ByteRange range, const format::ChunkRecord& map);
  void plan_prefetch(Chunk& chunk, ByteRange range, const format::Extent& extent);
  [[nodiscard]] std::uint64_t failure_key(const FetchOp& op) const;
  void pump();

  // owner_close.cc
  void fail_all_waiting();
  void step_close();

  [[nodiscard]] std::uint32_t first_block(std::uint32_t offset) const {
    return offset / parts_.geometry.block_bytes;
  }
  [[nodiscard]] std::uint32_t end_block(std::uint32_t end) const {
    return (end + parts_.geometry.block_bytes - 1) / parts_.geometry.block_bytes;
  }

  OwnerParts parts_;
  Counters counters_;
  std::atomic<ReadPart*> inbox_{nullptr};  // newest first

  ChunkTable table_;
  ChunkKeeper keeper_;
  MapLoader maps_;
  FetchQueue queue_;
  OpPool ops_;
  BodyCheck body_check_;
  std::vector<FetchOp*> arrived_;  // to be checked
  bool check_posted_ = false;
  std::optional<LoopExecutor::TimerId> check_timer_;
  Deadlines deadlines_;
  std::uint64_t file_reads_ = 0;

  std::deque<std::pair<ChunkId, ByteRange>> prefetch_ranges_;       // not yet made into ops
  std::unordered_map<std::uint64_t, TimePoint> prefetch_failures_;  // by data address: leave alone
  std::vector<Observation> seen_;
  std::vector<FetchOp::Waiter> answered_;  // scratch

  Closing closing_ = Closing::no;
  bool flushed_ = false;
  Task closed_;
  std::optional<LoopExecutor::TimerId> close_timer_;
};

}  // namespace shoal::fetch
