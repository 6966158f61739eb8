// SPDX-License-Identifier: Apache-2.0
#include "fetch/chunk_owner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace shoal::fetch {

ChunkOwner::ChunkOwner(OwnerParts parts)
    : parts_(std::move(parts)),
      table_(parts_.geometry.blocks_per_chunk()),
      keeper_({parts_.executor, parts_.worker, parts_.io, parts_.cache, parts_.buffer_bytes,
               parts_.geometry, parts_.ask_others_to_evict},
              table_, counters_, *this),
      maps_(parts_.executor, parts_.worker, parts_.map, parts_.geometry, parts_.map_bytes_max,
            [this](ChunkId chunk, Result<void> result) { on_map(chunk, std::move(result)); }),
      queue_(parts_.store, parts_.requests, counters_),
      deadlines_(parts_.executor, [this](ReadPart& part) { expire(part); }) {}

ChunkOwner::~ChunkOwner() {
  SHOAL_ASSERT(!close_timer_);
}

void ChunkOwner::restore(ChunkId id, const format::CacheRecord& record) {
  Chunk& chunk = table_.get(id);
  chunk.in_file = cache::BlockSet::from_words(parts_.geometry.blocks_per_chunk(), record.present);
  chunk.xxh3 = record.xxh3;
  chunk.verified = false;
  chunk.sealed = record.sealed;
  if (chunk.sealed) {
    chunk.object_blocks = chunk.in_file.count();
    counters_.chunks_sealed.add(1);
  }
  table_.settle(chunk);
}

// ---- arrival

void ChunkOwner::submit(ReadPart& part) {
  // Release: what the caller wrote to `part` is seen by drain(), which takes the stack with
  // acquire.
  ReadPart* head = inbox_.load(std::memory_order_relaxed);
  do {
    part.next = head;
  } while (!inbox_.compare_exchange_weak(head, &part, std::memory_order_release,
                                         std::memory_order_relaxed));
  // Only the first one on an empty stack wakes the owner; the others ride along.
  if (head == nullptr) parts_.executor.post([this] { drain(); });
}

void ChunkOwner::drain() {
  ReadPart* newest = inbox_.exchange(nullptr, std::memory_order_acquire);
  ReadPart* oldest = nullptr;
  while (newest != nullptr) {
    ReadPart* below = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = below;
  }
  while (oldest != nullptr) {
    ReadPart& part = *oldest;
    oldest = part.next;
    if (closing_ == Closing::no)
      answer(part);
    else
      part.on_done(fail(ErrorCode::closed, "read of a volume that is being closed"));
  }
  report();
  pump();
}

// What was seen in this turn goes to the observer in one call; it may call prefetch().
void ChunkOwner::report() {
  if (seen_.empty()) return;
  parts_.observer.on_observations(parts_.number, seen_);
  seen_.clear();
}

// ---- answering

void ChunkOwner::answer(ReadPart& part) {
  if (closing_ >= Closing::flushing) {
    part.on_done(fail(ErrorCode::closed, "read of a volume that was closed meanwhile"));
    return;
  }
  Chunk& chunk = table_.get(part.chunk);
  table_.touch(chunk, parts_.executor.clock().now());
  part.waits = 1;  // held until all pieces are started
  if (must_pend(chunk, part)) {
    part.pending = true;
    chunk.pending.push_back(&part);
  } else {
    answer_in_pieces(chunk, part);
    note_read(chunk, part);
  }
  if (!part.seen) {
    part.seen = true;
    seen_.push_back({Observation::Kind::read, part.hit,
                     DataAddress{parts_.geometry.start_of(chunk.id).value + part.chunk_offset},
                     part.target.size()});
  }
  table_.settle(chunk);
  if (part.pending || part.waits > 1) deadlines_.add(part);
  if (!part.pending) end_piece(part);
}

// Whether something must be learned before the read can be looked at; starts learning it.
bool ChunkOwner::must_pend(Chunk& chunk, ReadPart& part) {
  const std::uint32_t begin = first_block(part.chunk_offset);
  const std::uint32_t end =
      end_block(part.chunk_offset + static_cast<std::uint32_t>(part.target.size()));
  if (chunk.in_memory.contains_all(begin, end)) return false;
  if (chunk.busy == Chunk::Busy::evicting || chunk.busy == Chunk::Busy::verifying || chunk.discard)
    return true;
  if (!chunk.verified) {
    if (chunk.busy == Chunk::Busy::no) keeper_.verify(chunk);
    return true;  // a flush under way verifies as well
  }
  if (chunk.sealed || maps_.find(chunk.id) != nullptr) return false;
  for (std::uint32_t block = begin; block < end;) {
    const std::uint32_t known =
        std::max(chunk.in_memory.next_out(block), chunk.in_file.next_out(block));
    if (known > block) {
      block = known;
    } else if (const FetchOp* op =
                   op_at(chunk, block * parts_.geometry.block_bytes, parts_.geometry.block_bytes)) {
      block = end_block(op->end());
    } else {
      part.hit = false;
      part.wants_map = true;
      maps_.load(chunk.id);
      return true;
    }
  }
  return false;
}

void ChunkOwner::answer_in_pieces(Chunk& chunk, ReadPart& part) {
  std::uint32_t at = part.chunk_offset;
  const std::uint32_t end = at + static_cast<std::uint32_t>(part.target.size());
  while (at < end) {
    const Want want{at, end, part.target.data() + (at - part.chunk_offset)};
    at = next_piece(chunk, part, want);
  }
}

// Answers, or arranges to answer, the longest stretch at the beginning of `want` that is in one
// state; returns its end.
std::uint32_t ChunkOwner::next_piece(Chunk& chunk, ReadPart& part, const Want& want) {
  const std::uint32_t block_bytes = parts_.geometry.block_bytes;
  const std::uint32_t block = first_block(want.begin);
  if (chunk.in_memory.contains(block)) {
    const std::uint32_t end = std::min(want.end, chunk.in_memory.next_out(block) * block_bytes);
    std::memcpy(want.target, chunk.buffer.data() + want.begin, end - want.begin);
    return end;
  }
  if (chunk.in_file.contains(block)) {
    const std::uint32_t end = std::min(want.end, chunk.in_file.next_out(block) * block_bytes);
    read_file(chunk, part, {want.begin, end, want.target});
    return end;
  }
  FetchOp* op = op_at(chunk, want.begin, block_bytes);
  std::uint32_t zero_end = std::min({want.end, chunk.in_memory.next_in(block) * block_bytes,
                                     chunk.in_file.next_in(block) * block_bytes});
  if (op == nullptr && !chunk.sealed) {
    const format::ChunkRecord& map = *maps_.find(chunk.id);
    learn_object_blocks(chunk, map);
    const auto extent =
        std::partition_point(map.extents.begin(), map.extents.end(), [&](const format::Extent& e) {
          return round_up(e.chunk_offset + e.length, block_bytes) <= want.begin;
        });
    if (extent != map.extents.end() && extent->chunk_offset <= want.begin)
      op = &make_op(chunk, *extent);
    else if (extent != map.extents.end())
      zero_end = std::min(zero_end, extent->chunk_offset);
  }
  if (op != nullptr && want.begin < op->end()) {
    const std::uint32_t end = std::min(want.end, op->end());
    wait_for(*op, part, {want.begin, end, want.target});
    return end;
  }
  // Between objects, or behind the last byte of one in its last block.
  if (op != nullptr) zero_end = std::min(want.end, end_block(op->end()) * block_bytes);
  std::memset(want.target, 0, zero_end - want.begin);
  return zero_end;
}

void ChunkOwner::read_file(Chunk& chunk, ReadPart& part, const Want& want) {
  const MutableByteSpan target(want.target, want.end - want.begin);
  const std::uint64_t offset = parts_.cache->file_offset(chunk.id) + want.begin;
  if (parts_.io.read_now(parts_.cache->fd(), target, offset)) return;
  part.waits += 1;
  chunk.file_reads += 1;
  file_reads_ += 1;
  parts_.io.read(parts_.cache->fd(), target, offset,
                 [this, &chunk, &part, bytes = target.size()](Result<std::size_t> read) {
                   on_file_read(chunk, part, read && *read == bytes);
                 });
}

void ChunkOwner::on_file_read(Chunk& chunk, ReadPart& part, bool complete) {
  chunk.file_reads -= 1;
  file_reads_ -= 1;
  if (!complete) {
    chunk.discard = true;
    part.again = true;
  }
  if (chunk.discard && chunk.file_reads == 0 && chunk.busy == Chunk::Busy::no)
    keeper_.discard(chunk);
  table_.settle(chunk);
  end_piece(part);
  report();
  step_close();
  pump();
}

// ---- waiting

void ChunkOwner::end_piece(ReadPart& part) {
  if (--part.waits > 0) return;
  if (part.again && !part.error) {
    part.again = false;
    answer(part);
    return;
  }
  deadlines_.remove(part);
  if (part.error)
    part.on_done(fail(std::move(*part.error)));
  else
    part.on_done({});
}

// The deadline is over: the read leaves every place it waits at. A piece the kernel is reading into
// its memory has to end first.
void ChunkOwner::expire(ReadPart& part) {
  Chunk& chunk = *table_.find(part.chunk);
  if (!part.error) {
    if (closing_ >= Closing::flushing)
      part.error = Error(ErrorCode::closed, "read of a volume that was closed meanwhile");
    else
      part.error = Error(
          ErrorCode::timeout,
          fmt::format(
              "read of {} bytes at data address {}: the bucket has not delivered them before "
              "the deadline",
              part.target.size(), parts_.geometry.start_of(chunk.id).value + part.chunk_offset),
          "Check the network and the service; --io-timeout sets how long a read waits.");
  }
  if (!part.pending) part.waits += 1;  // held, as while it is pending
  detach(chunk, part);
  table_.settle(chunk);
  end_piece(part);
}

void ChunkOwner::detach(Chunk& chunk, ReadPart& part) {
  if (part.pending) {
    std::erase(chunk.pending, &part);
    part.pending = false;
  }
  for (auto at = chunk.ops.begin(); at != chunk.ops.end();) {
    FetchOp& op = *at->second;
    const auto left = std::erase_if(
        op.waiters, [&](const FetchOp::Waiter& waiter) { return waiter.part == &part; });
    part.waits -= static_cast<std::uint32_t>(left);
    // A GET nobody waits for any longer is not started; one under way goes on for the next reader.
    if (left > 0 && op.waiters.empty() && op.state == FetchOp::State::queued_demand) {
      queue_.remove(op);
      at = chunk.ops.erase(at);
    } else {
      ++at;
    }
  }
}

// ---- things learned

void ChunkOwner::on_map(ChunkId id, Result<void> result) {
  if (Chunk* chunk = table_.find(id)) {
    if (!result) {
      chunk->parked.clear();
      for (ReadPart* part : chunk->pending)
        if (part->wants_map) part->error = result.error();
    }
    resume(*chunk);
  }
  report();
  step_close();
  pump();
}

void ChunkOwner::on_chunk_ready(Chunk& chunk) {
  if (chunk.discard && chunk.file_reads == 0 && chunk.busy == Chunk::Busy::no) {
    keeper_.discard(chunk);
    return;
  }
  resume(chunk);
  report();
  step_close();
  pump();
}

// Looks again at the reads and prefetches that stood in the chunk.
void ChunkOwner::resume(Chunk& chunk) {
  const ChunkId id = chunk.id;
  if (closing_ == Closing::no)
    for (const ByteRange& range : chunk.parked) prefetch_ranges_.push_front({id, range});
  chunk.parked.clear();
  for (ReadPart* part : std::exchange(chunk.pending, {})) {
    part->pending = false;
    part->wants_map = false;
    if (part->error)
      end_piece(*part);
    else
      answer(*part);
  }
  if (Chunk* left = table_.find(id)) table_.settle(*left);
}

void ChunkOwner::note_read(Chunk& chunk, const ReadPart& part) {
  const std::uint32_t end =
      end_block(part.chunk_offset + static_cast<std::uint32_t>(part.target.size()));
  for (std::uint32_t at = chunk.unread.next_in(first_block(part.chunk_offset)); at < end;) {
    const std::uint32_t stop = std::min(chunk.unread.next_out(at), end);
    const std::uint64_t bytes = std::uint64_t{stop - at} * parts_.geometry.block_bytes;
    chunk.unread.remove(at, stop);
    counters_.used_bytes.add(bytes);
    seen_.push_back({Observation::Kind::used, true, {}, bytes});
    at = chunk.unread.next_in(stop);
  }
}

void ChunkOwner::on_wasted(const Chunk& chunk, std::uint32_t begin, std::uint32_t end) {
  const std::uint64_t block_bytes = parts_.geometry.block_bytes;
  const std::uint64_t bytes = (end - begin) * block_bytes;
  counters_.wasted_bytes.add(bytes);
  seen_.push_back({Observation::Kind::wasted, false,
                   DataAddress{parts_.geometry.start_of(chunk.id).value + begin * block_bytes},
                   bytes});
}

}  // namespace shoal::fetch
