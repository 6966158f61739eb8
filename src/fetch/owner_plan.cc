// SPDX-License-Identifier: Apache-2.0
// ChunkOwner: what to fetch. A GET costs the same however short, so:
//
//   small objects come whole, whatever part was asked for: one GET per file;
//   of a large object a reader gets the bytes from its own position on, so that the footer of a
//   file does not wait for its beginning. How many depends on how far it has read before: a piece
//   first, the rest of the extent to whoever goes on behind that piece. So a sequential reader pays
//   one GET per extent, and one more for the first;
//   guesses follow the same rule, from where the proposal begins;
//   `direct`: exactly the blocks asked for.
//
// Nothing is fetched that is present or on its way already.
#include <algorithm>
#include <utility>

#include "fetch/chunk_owner.h"

namespace shoal::fetch {
namespace {

constexpr std::size_t kPrefetchOpsMax = 1024;     // made ahead of the budget: a few turns' worth
constexpr std::size_t kPrefetchRangesMax = 4096;  // 32 streams with a full window each stay below
constexpr std::size_t kPrefetchMapsLoading = 4;   // chunk maps looked up ahead

// Up to this size objects come whole, and of larger ones so much comes first. About what a
// connection delivers in the time of one round trip; a quarter of a chunk, so that four times as
// much is the rest of any extent.
constexpr std::uint32_t kPieceBytesMax = 1u << 20;
constexpr std::uint32_t kPieceGrowth = 4;

std::uint32_t piece_bytes(const format::Geometry& geometry) {
  return std::min(kPieceBytesMax, geometry.chunk_bytes / kPieceGrowth);
}

bool overlap(ByteRange a, ByteRange b) {
  return a.begin < b.end && b.begin < a.end;
}

}  // namespace

void ChunkOwner::learn_object_blocks(Chunk& chunk, const format::ChunkRecord& map) {
  if (chunk.object_blocks != 0) return;
  for (const format::Extent& extent : map.extents) chunk.object_blocks += end_block(extent.length);
  keeper_.learn_pinned(chunk);
}

// What to fetch of the extent for a wish that begins in an absent block of it.
ByteRange ChunkOwner::plan(const Chunk& chunk, const format::Extent& extent, ByteRange wish) const {
  const std::uint32_t block_bytes = parts_.geometry.block_bytes;
  const std::uint32_t piece = piece_bytes(parts_.geometry);
  const std::uint32_t extent_begin = first_block(extent.chunk_offset);
  const std::uint32_t extent_end = end_block(extent.chunk_offset + extent.length);
  std::uint32_t begin = first_block(wish.begin);
  const std::uint32_t gap_end =
      std::min({extent_end, chunk.in_memory.next_in(begin), chunk.in_file.next_in(begin),
                chunk.filling.next_in(begin)});
  std::uint32_t end = std::min(gap_end, end_block(wish.end));
  if (parts_.direct) {
    // As it is.
  } else if (extent.object_size <= piece) {
    begin = std::max({extent_begin, chunk.in_memory.gap_begin(begin),
                      chunk.in_file.gap_begin(begin), chunk.filling.gap_begin(begin)});
    end = gap_end;
  } else {
    const std::uint32_t known = begin - known_run_begin(chunk, begin, extent_begin);
    const bool goes_on = known == 0 && begin == extent_begin && extent.object_offset > 0;
    const std::uint32_t blocks = std::max(piece / block_bytes, kPieceGrowth * known);
    end = goes_on ? gap_end : std::min(gap_end, std::max(end, begin + blocks));
    // A small rest would cost a GET of its own.
    if ((gap_end - end) * 2 <= end - begin) end = gap_end;
  }
  return {begin * block_bytes, std::min(end * block_bytes, extent.chunk_offset + extent.length)};
}

// First of the blocks that are present or on their way without a gap right below `block`.
std::uint32_t ChunkOwner::known_run_begin(const Chunk& chunk, std::uint32_t block,
                                          std::uint32_t least) {
  for (;;) {
    const std::uint32_t begin =
        std::max(least, std::min({chunk.in_memory.run_begin(block), chunk.in_file.run_begin(block),
                                  chunk.filling.run_begin(block)}));
    if (begin == block) return block;
    block = begin;
  }
}

// ---- prefetch

std::uint64_t ChunkOwner::failure_key(const FetchOp& op) const {
  return parts_.geometry.start_of(op.chunk->id).value + op.extent_offset;
}

void ChunkOwner::prefetch(ChunkId chunk, ByteRange range) {
  if (closing_ != Closing::no || parts_.direct) return;
  // The oldest guesses are the likeliest to be out of date.
  if (prefetch_ranges_.size() >= kPrefetchRangesMax) prefetch_ranges_.pop_front();
  prefetch_ranges_.push_back({chunk, range});
}

// Makes ops of the proposed ranges, a few ahead of what the budget can start.
void ChunkOwner::plan_prefetches() {
  while (!prefetch_ranges_.empty() && queue_.queued_guesses() < kPrefetchOpsMax &&
         maps_.loading() < kPrefetchMapsLoading) {
    const auto [id, range] = prefetch_ranges_.front();
    prefetch_ranges_.pop_front();
    Chunk& chunk = table_.get(id);
    if (must_verify(chunk)) {  // a restored chunk is verified ahead of its reader too
      chunk.parked.push_back(range);
    } else if (chunk.sealed) {
      continue;
    } else if (const format::ChunkRecord* map = maps_.find(id)) {
      plan_prefetch(chunk, range, *map);
      table_.settle(chunk);
    } else {
      chunk.parked.push_back(range);
      maps_.load(id);
    }
  }
}

void ChunkOwner::plan_prefetch(Chunk& chunk, ByteRange range, const format::ChunkRecord& map) {
  learn_object_blocks(chunk, map);
  auto extent = std::partition_point(
      map.extents.begin(), map.extents.end(),
      [&](const format::Extent& e) { return e.chunk_offset + e.length <= range.begin; });
  for (; extent != map.extents.end() && extent->chunk_offset < range.end; ++extent)
    plan_prefetch(chunk, range, *extent);
}

void ChunkOwner::plan_prefetch(Chunk& chunk, ByteRange range, const format::Extent& extent) {
  const std::uint32_t extent_end = extent.chunk_offset + extent.length;
  std::uint32_t block = first_block(std::max(range.begin, extent.chunk_offset));
  const std::uint32_t end = end_block(std::min(range.end, extent_end));
  while (block < end) {
    const std::uint32_t known =
        std::max({chunk.in_memory.next_out(block), chunk.in_file.next_out(block),
                  chunk.filling.next_out(block)});
    if (known > block) {
      block = known;
      continue;
    }
    if (!prefetch_failures_.empty()) {
      const auto failed =
          prefetch_failures_.find(parts_.geometry.start_of(chunk.id).value + extent.chunk_offset);
      if (failed != prefetch_failures_.end() && parts_.executor.clock().now() < failed->second)
        return;
    }
    const std::uint32_t begin = block * parts_.geometry.block_bytes;
    FetchOp& op =
        make_op(chunk, extent, plan(chunk, extent, {begin, std::min(range.end, extent_end)}));
    queue_.push(op, FetchOp::Urgency::guess);
    block = end_block(op.end());
  }
}

void ChunkOwner::drop_guesses() {
  prefetch_ranges_.clear();
  while (FetchOp* op = queue_.first_guess()) {
    Chunk& chunk = *op->chunk;
    queue_.remove(*op);
    drop_op(*op);
    table_.settle(chunk);
  }
}

void ChunkOwner::drop_guesses(ChunkId id, ByteRange range) {
  std::erase_if(prefetch_ranges_, [&](const auto& guess) {
    return guess.first == id && overlap(guess.second, range);
  });
  Chunk* chunk = table_.find(id);
  if (chunk == nullptr) return;
  std::erase_if(chunk->parked, [&](const ByteRange& parked) { return overlap(parked, range); });
  for (std::size_t i = chunk->ops.size(); i-- > 0;) {
    FetchOp& op = *chunk->ops[i];
    if (op.state != FetchOp::State::queued || op.urgency != FetchOp::Urgency::guess ||
        !overlap({op.chunk_offset, op.end()}, range))
      continue;
    queue_.remove(op);
    drop_op(op);
  }
  table_.settle(*chunk);
}

void ChunkOwner::evict(std::uint64_t bytes) {
  if (closing_ == Closing::no) keeper_.evict(bytes);
}

void ChunkOwner::pump() {
  if (closing_ >= Closing::flushing) return;
  plan_prefetches();
  queue_.pump();
}

}  // namespace shoal::fetch
