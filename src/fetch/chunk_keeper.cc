// SPDX-License-Identifier: Apache-2.0
#include "fetch/chunk_keeper.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace shoal::fetch {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kPrefetchMemoryPercent = 75;
// Prefetch asks again soon; it need not search long for a buffer to give up.
constexpr std::uint32_t kPrefetchSearchMax = 64;
constexpr auto kSweepPeriod = 500ms;
constexpr auto kIdleBeforeFlush = 1s;  // a partial chunk untouched for so long goes to the file
constexpr auto kUnreadBeforeRelease = 20s;  // a window of prefetched bytes is read by then
constexpr auto kDropRetryDelay = 5s;  // a chunk that could not be evicted is left alone for a while

}  // namespace

ChunkKeeper::ChunkKeeper(KeeperParts parts, ChunkTable& table, Counters& counters, KeeperHost& host)
    : parts_(std::move(parts)),
      table_(table),
      counters_(counters),
      host_(host),
      evictor_(table),
      pool_(parts_.buffer_bytes, parts_.geometry.chunk_bytes) {}

ChunkKeeper::~ChunkKeeper() {
  SHOAL_ASSERT(!sweep_timer_);
}

void ChunkKeeper::stop() {
  release_all();
  if (sweep_timer_) parts_.executor.cancel(*std::exchange(sweep_timer_, std::nullopt));
}

// ---- memory

bool ChunkKeeper::reserve(Chunk& chunk, std::uint32_t begin, std::uint32_t end, bool demand) {
  const std::uint32_t percent = demand ? 100 : kPrefetchMemoryPercent;
  if (!pool_.reserve(chunk.buffer, begin, end, percent)) {
    // The chunk asked for must not be given up to make room for itself.
    chunk.in_flight += 1;
    const bool relieved = relieve(end - begin, demand);
    chunk.in_flight -= 1;
    if (!relieved || !pool_.reserve(chunk.buffer, begin, end, percent)) return false;
  }
  table_.settle(chunk);
  arm_sweep();
  return true;
}

// Gives up least recently used buffers until `bytes` are free. False: not (yet) enough; then
// flushes that will free some are under way, or a GET's end will bring the next attempt.
bool ChunkKeeper::relieve(std::uint64_t bytes, bool demand) {
  const std::uint64_t before = pool_.used_bytes();
  const int passes = demand ? 2 : 1;
  for (int pass = 0; pass < passes; ++pass) {
    std::uint32_t searched = 0;
    bool flushing = false;
    for (auto at = table_.buffered().begin(); at != table_.buffered().end();) {
      Chunk& chunk = **at++;
      if (!demand && ++searched > kPrefetchSearchMax) break;
      flushing = flushing || chunk.busy == Chunk::Busy::flushing;
      if (chunk.in_flight > 0 || chunk.busy == Chunk::Busy::flushing) continue;
      if (give_up_buffer(chunk, /*lose_dirty=*/pass > 0))
        table_.settle(chunk);  // `chunk` may be gone
      else
        flushing = flushing || chunk.busy == Chunk::Busy::flushing;
      if (before - pool_.used_bytes() >= bytes) return true;
    }
    memory_wanted_ = memory_wanted_ || flushing;
    if (flushing) return false;  // its end frees memory without losing bytes
  }
  return false;
}

// True when the buffer is gone. A dirty one is flushed if that can be, else lost if it may be:
// without a cache file, or when the file has better use for its space, what was read is the first
// to go. The caller settles the chunk, which may end it.
bool ChunkKeeper::give_up_buffer(Chunk& chunk, bool lose_dirty) {
  if (chunk.is_dirty()) {
    if (flush(chunk)) return false;
    const bool has_no_place = parts_.cache == nullptr || chunk.refused;
    if (!lose_dirty && !(has_no_place && chunk.unread.empty())) return false;
  }
  release_buffer(chunk);
  return true;
}

void ChunkKeeper::release_buffer(Chunk& chunk) {
  SHOAL_ASSERT(chunk.in_flight == 0 && chunk.busy != Chunk::Busy::flushing);
  cache::BlockSet lost = chunk.in_memory;
  lost -= chunk.in_file;
  forget_unread(chunk, lost);
  chunk.in_memory.clear();
  pool_.release(chunk.buffer);
}

void ChunkKeeper::on_all_read(Chunk& chunk) {
  if (chunk.buffer && chunk.sealed && !chunk.is_dirty() && chunk.in_flight == 0 &&
      chunk.busy == Chunk::Busy::no)
    release_buffer(chunk);
}

void ChunkKeeper::forget_unread(Chunk& chunk, const cache::BlockSet& lost) {
  lost.each_run([&](std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t at = chunk.unread.next_in(begin); at < end;) {
      const std::uint32_t stop = std::min(chunk.unread.next_out(at), end);
      host_.on_wasted(chunk, at, stop);
      chunk.unread.remove(at, stop);
      at = chunk.unread.next_in(stop);
    }
  });
}

void ChunkKeeper::release_all() {
  SHOAL_ASSERT(is_idle());
  while (!table_.buffered().empty()) {
    Chunk& chunk = *table_.buffered().front();
    release_buffer(chunk);
    table_.settle(chunk);
  }
}

// With a cache file, buffers are for bytes on their way: an idle one is written and given up, the
// kernel's page cache keeps what is hot.
void ChunkKeeper::arm_sweep() {
  if (sweep_timer_ || parts_.cache == nullptr) return;
  sweep_timer_ = parts_.executor.after(kSweepPeriod, [this] {
    sweep_timer_.reset();
    sweep();
    if (!table_.buffered().empty()) arm_sweep();
  });
}

void ChunkKeeper::sweep() {
  const TimePoint idle_since = parts_.executor.clock().now() - kIdleBeforeFlush;
  const TimePoint unread_since = parts_.executor.clock().now() - kUnreadBeforeRelease;
  for (auto at = table_.buffered().begin(); at != table_.buffered().end();) {
    Chunk& chunk = **at++;
    if (chunk.touched > idle_since) break;
    if (chunk.in_flight > 0 || chunk.busy != Chunk::Busy::no) continue;
    if (chunk.is_dirty() && (flush(chunk) || !chunk.refused || !chunk.unread.empty())) continue;
    // Its reader is on the way: what is given up now would have to come from the disk.
    if (!chunk.unread.empty() && chunk.touched > unread_since) continue;
    release_buffer(chunk);
    table_.settle(chunk);
  }
}

void ChunkKeeper::flush_all() {
  for (Chunk* chunk : table_.buffered()) flush(*chunk);
}

// ---- cache space

ChunkKeeper::Room ChunkKeeper::make_room(const Chunk& newcomer, std::uint64_t bytes) {
  const bool refused = dropping_bytes_ < bytes && !evict_for(&newcomer, bytes - dropping_bytes_);
  if (dropping_bytes_ > 0) return Room::coming;
  if (refused) return Room::refused;
  parts_.ask_others_to_evict(bytes);
  return Room::none;
}

// False when the newcomer is not worth it.
bool ChunkKeeper::evict_for(const Chunk* newcomer, std::uint64_t bytes) {
  const TimePoint now = parts_.executor.clock().now();
  for (std::uint64_t started = 0; started < bytes;) {
    const Evictor::Choice choice = evictor_.choose(newcomer, now);
    if (choice.chunk == nullptr) return !choice.refused;
    started += parts_.cache->disk_bytes(choice.chunk->in_file);
    start_drop(*choice.chunk, DropReason::evicted);
  }
  return true;
}

void ChunkKeeper::evict(std::uint64_t bytes) {
  evict_for(nullptr, bytes);
}

// Its bytes stay in memory until that is wanted for others, or until nobody has read them for long.
void ChunkKeeper::refuse(Chunk& chunk) {
  if (!chunk.refused) counters_.chunks_refused.add(1);
  chunk.refused = true;
  chunk.flush_not_before = parts_.executor.clock().now() + kIdleBeforeFlush;
}

void ChunkKeeper::discard(Chunk& chunk) {
  start_drop(chunk, DropReason::damaged);
}

void ChunkKeeper::start_drop(Chunk& chunk, DropReason reason) {
  SHOAL_ASSERT(chunk.busy == Chunk::Busy::no && chunk.file_reads == 0);
  chunk.busy = Chunk::Busy::evicting;
  jobs_ += 1;
  dropping_bytes_ += parts_.cache->disk_bytes(chunk.in_file);
  parts_.worker.post([this, &chunk, reason] {
    const bool dropped = parts_.cache->drop(chunk.id).has_value();
    parts_.executor.post([this, &chunk, reason, dropped] { on_dropped(chunk, reason, dropped); });
  });
}

void ChunkKeeper::on_dropped(Chunk& chunk, DropReason reason, bool dropped) {
  jobs_ -= 1;
  chunk.busy = Chunk::Busy::no;
  dropping_bytes_ -= parts_.cache->disk_bytes(chunk.in_file);
  if (reason == DropReason::damaged) {
    counters_.checksum_failures.add(1);
    chunk.discard = false;
    set_absent_in_file(chunk, dropped);  // also when the drop failed: the bytes are not to be used
  } else if (dropped) {
    counters_.chunks_evicted.add(1);
    evictor_.on_evicted(chunk);
    set_absent_in_file(chunk, /*is_punched=*/true);
  } else {
    counters_.cache_write_errors.add(1);
    chunk.drop_not_before = parts_.executor.clock().now() + kDropRetryDelay;  // its bytes are good
  }
  retry_what_wants_room();
  host_.on_chunk_ready(chunk);
}

// Bytes that could not be punched out stay counted until a start gives them back.
void ChunkKeeper::set_absent_in_file(Chunk& chunk, bool is_punched) {
  cache::BlockSet lost = chunk.in_file;
  if (is_punched) parts_.cache->release(parts_.cache->disk_bytes(lost));
  chunk.in_file.clear();
  chunk.verified = true;
  chunk.pin_recorded = false;
  set_sealed(chunk, false);
  // Old blocks leave the memory too: kept as dirty they would be written again at once.
  chunk.in_memory -= lost;
  forget_unread(chunk, lost);
  if (chunk.in_memory.empty() && chunk.in_flight == 0) release_buffer(chunk);
}

void ChunkKeeper::set_sealed(Chunk& chunk, bool sealed) {
  if (chunk.sealed == sealed) return;
  chunk.sealed = sealed;
  sealed ? counters_.chunks_sealed.add(1) : counters_.chunks_sealed.subtract(1);
}

void ChunkKeeper::retry_what_wants_room() {
  for (const FlushJobPtr& job : std::exchange(space_wanted_, {})) write(job);
  for (const ChunkId id : std::exchange(room_wanted_, {})) {
    Chunk* chunk = table_.find(id);
    if (chunk == nullptr) continue;
    chunk->room_wanted = false;
    flush(*chunk);
  }
}

}  // namespace shoal::fetch
