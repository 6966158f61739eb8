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
      queue_(parts_.store, parts_.requests, parts_.executor.clock(), counters_),
      ops_(*this),
      deadlines_(parts_.executor, [this](ReadPart& part) { expire(part); }) {}

ChunkOwner::~ChunkOwner() {
  SHOAL_ASSERT(!close_timer_);
}

void ChunkOwner::restore(ChunkId id, const format::CacheRecord& record) {
  keeper_.restore(table_.get(id), record);
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
      part.on_done(fail(ErrorCode::closed, "request to a volume that is being closed"));
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
    part.on_done(fail(ErrorCode::closed, "request to a volume that was closed meanwhile"));
    return;
  }
  const bool is_read = part.kind == ReadPart::Kind::read;
  Chunk& chunk = table_.get(part.chunk);
  if (part.kind == ReadPart::Kind::read || part.kind == ReadPart::Kind::warm)
    table_.touch(chunk, parts_.executor.clock().now());
  if (is_read && !part.seen) keeper_.on_read(chunk);
  part.waits = 1;  // held until all pieces are started
  if (part.kind == ReadPart::Kind::unpin) {
    keeper_.unpin(chunk);
  } else if (must_pend(chunk, part)) {
    pend(chunk, part);
  } else {
    answer_in_pieces(chunk, part);
    if (is_read) note_read(chunk, part);
  }
  if (is_read && !part.seen) {
    part.seen = true;
    seen_.push_back({Observation::Kind::read, part.hit,
                     DataAddress{parts_.geometry.start_of(chunk.id).value + part.chunk_offset},
                     part.target.size()});
  }
  table_.settle(chunk);
  if (part.pending || part.waits > 1) deadlines_.add(part);
  if (!part.pending) end_piece(part);
}

void ChunkOwner::pend(Chunk& chunk, ReadPart& part) {
  part.pending = true;
  chunk.pending.push_back(&part);
}

// Whether something must be learned before the request can be looked at; starts learning it.
bool ChunkOwner::must_pend(Chunk& chunk, ReadPart& part) {
  const std::uint32_t begin = first_block(part.chunk_offset);
  const std::uint32_t end = end_block(part.end());
  if (part.pin && chunk.object_blocks == 0 && maps_.find(chunk.id) == nullptr) {
    want_map(chunk, part);
    return true;
  }
  if (chunk.in_memory.contains_all(begin, end)) return false;
  if (must_verify(chunk)) return true;
  if (part.kind == ReadPart::Kind::check || chunk.sealed || maps_.find(chunk.id) != nullptr)
    return false;
  for (std::uint32_t block = begin; block < end;) {
    const std::uint32_t known =
        std::max({chunk.in_memory.next_out(block), chunk.in_file.next_out(block),
                  chunk.filling.next_out(block)});
    if (known == block) {
      want_map(chunk, part);
      return true;
    }
    block = known;
  }
  return false;
}

// Whether it is not known at the moment what the file's bytes are worth; somebody is finding out.
bool ChunkOwner::must_verify(Chunk& chunk) {
  if (chunk.busy == Chunk::Busy::evicting || chunk.busy == Chunk::Busy::verifying || chunk.discard)
    return true;
  if (chunk.verified) return false;
  if (chunk.busy == Chunk::Busy::no) keeper_.verify(chunk);
  return true;  // a flush under way verifies as well
}

void ChunkOwner::want_map(Chunk& chunk, ReadPart& part) {
  part.hit = false;
  part.wants_map = true;
  maps_.load(chunk.id);
}

void ChunkOwner::answer_in_pieces(Chunk& chunk, ReadPart& part) {
  part.bytes_present = part.bytes_fetched = 0;
  if (part.pin) {
    if (const format::ChunkRecord* map = maps_.find(chunk.id)) learn_object_blocks(chunk, *map);
    if (chunk.object_blocks > 0) {
      if (auto pinned = keeper_.pin(chunk); !pinned) {
        part.error = std::move(pinned).error();
        return;
      }
    }
  }
  std::byte* const target = part.kind == ReadPart::Kind::read ? part.target.data() : nullptr;
  const std::uint32_t end = part.end();
  for (std::uint32_t at = part.chunk_offset; at < end;)
    at = next_piece(chunk, part,
                    {at, end, target == nullptr ? nullptr : target + (at - part.chunk_offset)});
  if (part.kind == ReadPart::Kind::warm && (part.waits > 1 || chunk.is_dirty()))
    chunk.warmed = true;
}

// Answers, or arranges to answer, the longest stretch at the beginning of `want` that is in one
// state; returns its end.
std::uint32_t ChunkOwner::next_piece(Chunk& chunk, ReadPart& part, const Want& want) {
  const std::uint32_t block_bytes = parts_.geometry.block_bytes;
  const std::uint32_t block = first_block(want.begin);
  if (chunk.in_memory.contains(block)) {
    const std::uint32_t end = std::min(want.end, chunk.in_memory.next_out(block) * block_bytes);
    if (want.target != nullptr)
      std::memcpy(want.target, chunk.buffer.data() + want.begin, end - want.begin);
    part.bytes_present += end - want.begin;
    return end;
  }
  if (chunk.in_file.contains(block)) return piece_in_file(chunk, part, want);
  if (part.kind != ReadPart::Kind::check) return piece_to_fetch(chunk, part, want);
  return std::min({want.end, chunk.in_memory.next_in(block) * block_bytes,
                   chunk.in_file.next_in(block) * block_bytes});
}

std::uint32_t ChunkOwner::piece_in_file(Chunk& chunk, ReadPart& part, const Want& want) {
  const std::uint32_t end = std::min(
      want.end, chunk.in_file.next_out(first_block(want.begin)) * parts_.geometry.block_bytes);
  part.bytes_present += end - want.begin;
  if (want.target == nullptr) return end;
  const MutableByteSpan target(want.target, end - want.begin);
  const std::uint64_t offset = parts_.cache->file_offset(chunk.id) + want.begin;
  const int fd = parts_.cache->read_fd(target, offset);
  if (!parts_.cache->is_direct(fd) && parts_.io.read_now(fd, target, offset)) return end;
  part.waits += 1;
  chunk.file_reads += 1;
  file_reads_ += 1;
  parts_.io.read(fd, target, offset,
                 [this, &chunk, &part, bytes = target.size()](Result<std::size_t> read) {
                   on_file_read(chunk, part, read && *read == bytes);
                 });
  return end;
}

// The block is absent, on its way, or between objects.
std::uint32_t ChunkOwner::piece_to_fetch(Chunk& chunk, ReadPart& part, const Want& want) {
  const std::uint32_t block_bytes = parts_.geometry.block_bytes;
  const std::uint32_t block = first_block(want.begin);
  FetchOp* op = op_at(chunk, block);
  std::uint32_t zero_end = std::min({want.end, chunk.in_memory.next_in(block) * block_bytes,
                                     chunk.in_file.next_in(block) * block_bytes,
                                     chunk.filling.next_in(block) * block_bytes});
  if (op == nullptr && !chunk.sealed) {
    const format::ChunkRecord& map = *maps_.find(chunk.id);
    learn_object_blocks(chunk, map);
    const auto extent =
        std::partition_point(map.extents.begin(), map.extents.end(), [&](const format::Extent& e) {
          return round_up(e.chunk_offset + e.length, block_bytes) <= want.begin;
        });
    if (extent != map.extents.end()) {
      if (want.begin < extent->chunk_offset)
        zero_end = std::min(zero_end, extent->chunk_offset);
      else if (want.begin < extent->chunk_offset + extent->length)
        op = &make_op(chunk, *extent, plan(chunk, *extent, {want.begin, want.end}));
      else
        zero_end = std::min(zero_end, (block + 1) * block_bytes);
    }
  }
  if (op != nullptr && want.begin < op->end()) {
    const std::uint32_t end = std::min(want.end, op->end());
    wait_for(*op, part, {want.begin, end, want.target});
    return end;
  }
  // Between objects, or behind the last byte of one in its last block.
  if (op != nullptr) zero_end = std::min(want.end, end_block(op->end()) * block_bytes);
  if (want.target != nullptr) std::memset(want.target, 0, zero_end - want.begin);
  return zero_end;
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
      part.error =
          Error(ErrorCode::timeout,
                fmt::format(
                    "read of {} bytes at data address {}: the bucket has not delivered them before "
                    "the deadline",
                    part.bytes(), parts_.geometry.start_of(chunk.id).value + part.chunk_offset),
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
  // Backwards: an op that is dropped leaves the list.
  for (std::size_t i = chunk.ops.size(); i-- > 0;) {
    FetchOp& op = *chunk.ops[i];
    const auto left = std::erase_if(
        op.waiters, [&](const FetchOp::Waiter& waiter) { return waiter.part == &part; });
    part.waits -= static_cast<std::uint32_t>(left);
    if (left == 0 || !op.waiters.empty()) continue;
    // A GET nobody waits for any longer is not started. One under way goes on for the next reader,
    // unless the bucket is silent: then it would only keep its place from others.
    if (op.state == FetchOp::State::queued) {
      queue_.remove(op);
      drop_op(op);
    } else if (queue_.is_silent(op)) {
      queue_.give_up(op);
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
  const std::uint32_t end = end_block(part.end());
  for (std::uint32_t at = chunk.unread.next_in(first_block(part.chunk_offset)); at < end;) {
    const std::uint32_t stop = std::min(chunk.unread.next_out(at), end);
    const std::uint64_t bytes = std::uint64_t{stop - at} * parts_.geometry.block_bytes;
    chunk.unread.remove(at, stop);
    counters_.used_bytes.add(bytes);
    seen_.push_back({Observation::Kind::used, true,
                     DataAddress{parts_.geometry.start_of(chunk.id).value +
                                 std::uint64_t{at} * parts_.geometry.block_bytes},
                     bytes});
    at = chunk.unread.next_in(stop);
  }
  if (chunk.unread.empty()) keeper_.on_all_read(chunk);
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
