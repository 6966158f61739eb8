// SPDX-License-Identifier: Apache-2.0
// ChunkOwner and the bucket: one op per extent, from the wish to the bytes in the buffer.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "fetch/chunk_owner.h"

namespace shoal::fetch {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPrefetchOpsMax = 1024;     // made ahead of the budget: a few turns' worth
constexpr std::size_t kPrefetchRangesMax = 4096;  // 32 streams with a full window each stay below
constexpr std::size_t kPrefetchMapsLoading = 4;   // chunk maps looked up ahead
constexpr auto kPrefetchFailureDelay = 1s;
constexpr std::size_t kPrefetchFailuresMax = 1024;

Error explained(Error error) {
  if (error.code() == ErrorCode::precondition)
    return std::move(error).with_remedy(
        "The object was replaced after it was listed: run `shoal index build --rebuild` and mount "
        "again.");
  if (error.code() == ErrorCode::not_found)
    return std::move(error).with_remedy(
        "The object was deleted after it was listed: run `shoal index build --rebuild` and mount "
        "again.");
  return error;
}

}  // namespace

void ChunkOwner::learn_object_blocks(Chunk& chunk, const format::ChunkRecord& map) const {
  if (chunk.object_blocks != 0) return;
  for (const format::Extent& extent : map.extents) chunk.object_blocks += end_block(extent.length);
}

// The op whose blocks hold `chunk_offset`.
FetchOp* ChunkOwner::op_at(Chunk& chunk, std::uint32_t chunk_offset, std::uint32_t block_bytes) {
  auto behind = chunk.ops.upper_bound(chunk_offset);
  if (behind == chunk.ops.begin()) return nullptr;
  FetchOp& op = *std::prev(behind)->second;
  return chunk_offset < round_up(op.end(), block_bytes) ? &op : nullptr;
}

FetchOp& ChunkOwner::make_op(Chunk& chunk, const format::Extent& extent) {
  FetchHost& host = *this;
  auto op = std::make_unique<FetchOp>(host, chunk);
  op->key = parts_.key_prefix + extent.path;
  op->etag = extent.etag;
  op->object_size = extent.object_size;
  op->object_offset = extent.object_offset;
  op->chunk_offset = extent.chunk_offset;
  op->length = extent.length;
  if (body_check_.covers(extent)) op->digest.emplace();
  return *(chunk.ops[extent.chunk_offset] = std::move(op));
}

// `want` lies inside the op's bytes.
void ChunkOwner::wait_for(FetchOp& op, ReadPart& part, const Want& want) {
  if (op.state == FetchOp::State::in_flight && !op.digest &&
      want.end <= op.chunk_offset + op.received) {
    std::memcpy(want.target, op.chunk.buffer.data() + want.begin, want.end - want.begin);
    return;
  }
  part.hit = false;
  part.waits += 1;
  op.waiters.push_back({&part, want.begin, want.end, want.target});
  if (!op.is_queued)
    queue_.push_demand(op);
  else
    queue_.promote(op);
}

// ---- a GET's life

bool ChunkOwner::prepare(FetchOp& op) {
  const bool demand = op.state == FetchOp::State::queued_demand;
  if (!keeper_.reserve(op.chunk, op.chunk_offset, op.end(), demand)) return false;
  op.chunk.in_flight += 1;
  table_.touch(op.chunk, parts_.executor.clock().now());
  if (!demand) {
    const std::uint32_t begin = first_block(op.chunk_offset);
    const std::uint32_t end = end_block(op.end());
    op.chunk.unread.add(begin, end);
    counters_.prefetched_bytes.add(std::uint64_t{end - begin} * parts_.geometry.block_bytes);
  }
  return true;
}

Result<void> ChunkOwner::on_bytes(FetchOp& op, ByteSpan bytes) {
  if (bytes.size() > op.length - op.received)
    return fail(ErrorCode::corrupt, fmt::format("GET {}/{}: more bytes came than the {} asked for",
                                                parts_.store.name(), op.key, op.length));
  std::memcpy(op.chunk.buffer.data() + op.chunk_offset + op.received, bytes.data(), bytes.size());
  op.received += static_cast<std::uint32_t>(bytes.size());
  counters_.get_bytes.add(bytes.size());
  if (op.digest)
    op.digest->add(bytes);
  else
    answer_arrived(op);
  return {};
}

// Answers the waiters whose bytes are there. Those are taken out first: a read that ends may look
// at the op again.
void ChunkOwner::answer_arrived(FetchOp& op) {
  const std::uint32_t arrived = op.chunk_offset + op.received;
  const auto ready = std::partition(op.waiters.begin(), op.waiters.end(),
                                    [&](const FetchOp::Waiter& w) { return w.end > arrived; });
  if (ready == op.waiters.end()) return;
  const std::vector<FetchOp::Waiter> answered(ready, op.waiters.end());
  op.waiters.erase(ready, op.waiters.end());
  for (const FetchOp::Waiter& waiter : answered) {
    std::memcpy(waiter.target, op.chunk.buffer.data() + waiter.begin, waiter.end - waiter.begin);
    end_piece(*waiter.part);
  }
}

void ChunkOwner::on_finished(FetchOp& op, Result<void> result) {
  Chunk& chunk = op.chunk;
  chunk.in_flight -= 1;
  if (result && op.received != op.length)
    result = fail(ErrorCode::corrupt,
                  fmt::format("GET {}/{}: {} bytes came instead of {}", parts_.store.name(), op.key,
                              op.received, op.length),
                  "A proxy or the service cut the answer short; try again.");
  if (result && op.digest) {
    const auto verdict = body_check_.judge(op);
    if (verdict != BodyCheck::Verdict::good) counters_.misfit_bodies.add(1);
    if (verdict == BodyCheck::Verdict::fetch_again && closing_ == Closing::no) {
      fetch_again(op);
      report();
      pump();
      return;
    }
    if (verdict == BodyCheck::Verdict::good)
      answer_arrived(op);
    else
      result = fail(ErrorCode::corrupt,
                    fmt::format("GET {}/{}: the bytes do not have the MD5 of their ETag {}",
                                parts_.store.name(), op.key, op.etag),
                    "Something between the service and here changes bytes: use https, look at "
                    "proxies and memory.");
  }
  if (result)
    on_fetched(op);
  else
    on_fetch_failed(op, explained(std::move(result).error()));
  table_.settle(chunk);
  report();
  step_close();
  pump();
}

void ChunkOwner::on_fetched(FetchOp& op) {
  Chunk& chunk = op.chunk;
  chunk.in_memory.add(first_block(op.chunk_offset), end_block(op.end()));
  if (op.speculative) prefetch_failures_.erase(failure_key(chunk, op.chunk_offset));
  chunk.ops.erase(op.chunk_offset);  // every waiter was answered with the last byte
  if (!chunk.ops.empty()) return;
  cache::BlockSet present = chunk.in_memory;
  present |= chunk.in_file;
  if (present.count() == chunk.object_blocks) keeper_.flush(chunk);
}

// The same op once more, for the same waiters: behind what is queued already.
void ChunkOwner::fetch_again(FetchOp& op) {
  waste_unread(op);
  op.received = 0;
  op.digest.emplace();
  if (op.waiters.empty())
    queue_.push_prefetch(op);
  else
    queue_.push_demand(op);
}

// Its blocks were counted as prefetched when the GET began.
void ChunkOwner::waste_unread(FetchOp& op) {
  Chunk& chunk = op.chunk;
  const std::uint32_t begin = first_block(op.chunk_offset);
  const std::uint32_t end = end_block(op.end());
  for (std::uint32_t at = chunk.unread.next_in(begin); at < end;) {
    const std::uint32_t stop = std::min(chunk.unread.next_out(at), end);
    on_wasted(chunk, at, stop);
    at = chunk.unread.next_in(stop);
  }
  chunk.unread.remove(begin, end);
}

void ChunkOwner::on_fetch_failed(FetchOp& op, Error error) {
  Chunk& chunk = op.chunk;
  if (error.code() != ErrorCode::canceled) counters_.get_errors.add(1);
  if (error.code() == ErrorCode::precondition || error.code() == ErrorCode::not_found)
    counters_.changed_objects.add(1);
  waste_unread(op);
  // Guesses leave it alone for a moment; a reader tries again at once.
  if (prefetch_failures_.size() >= kPrefetchFailuresMax) prefetch_failures_.clear();
  prefetch_failures_[failure_key(chunk, op.chunk_offset)] =
      parts_.executor.clock().now() + kPrefetchFailureDelay;
  const auto waiters = std::exchange(op.waiters, {});
  chunk.ops.erase(op.chunk_offset);
  for (const FetchOp::Waiter& waiter : waiters) {
    if (!waiter.part->error) waiter.part->error = error;
    end_piece(*waiter.part);
  }
}

// ---- prefetch

std::uint64_t ChunkOwner::failure_key(const Chunk& chunk, std::uint32_t chunk_offset) const {
  return parts_.geometry.start_of(chunk.id).value + chunk_offset;
}

void ChunkOwner::prefetch(ChunkId chunk, ByteRange range) {
  if (closing_ != Closing::no) return;
  // The oldest guesses are the likeliest to be out of date.
  if (prefetch_ranges_.size() >= kPrefetchRangesMax) prefetch_ranges_.pop_front();
  prefetch_ranges_.push_back({chunk, range});
}

// Makes ops of the proposed ranges, a few ahead of what the budget can start.
void ChunkOwner::plan_prefetches() {
  while (!prefetch_ranges_.empty() && queue_.queued_prefetches() < kPrefetchOpsMax &&
         maps_.loading() < kPrefetchMapsLoading) {
    const auto [id, range] = prefetch_ranges_.front();
    prefetch_ranges_.pop_front();
    Chunk& chunk = table_.get(id);
    if (chunk.busy == Chunk::Busy::evicting || chunk.busy == Chunk::Busy::verifying ||
        !chunk.verified || chunk.discard) {
      // A restored chunk is verified ahead of its reader too.
      if (chunk.busy == Chunk::Busy::no && !chunk.verified) keeper_.verify(chunk);
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
  const TimePoint now = parts_.executor.clock().now();
  auto extent = std::partition_point(
      map.extents.begin(), map.extents.end(),
      [&](const format::Extent& e) { return e.chunk_offset + e.length <= range.begin; });
  for (; extent != map.extents.end() && extent->chunk_offset < range.end; ++extent) {
    const std::uint32_t block = first_block(extent->chunk_offset);
    // Blocks of an extent come and go together, so the first one speaks for all.
    if (chunk.in_memory.contains(block) || chunk.in_file.contains(block) ||
        chunk.ops.contains(extent->chunk_offset))
      continue;
    const auto failed = prefetch_failures_.find(failure_key(chunk, extent->chunk_offset));
    if (failed != prefetch_failures_.end() && now < failed->second) continue;
    FetchOp& op = make_op(chunk, *extent);
    queue_.push_prefetch(op);
  }
}

void ChunkOwner::drop_prefetches() {
  prefetch_ranges_.clear();
  while (FetchOp* op = queue_.first_prefetch()) {
    Chunk& chunk = op->chunk;
    queue_.remove(*op);
    chunk.ops.erase(op->chunk_offset);
    table_.settle(chunk);
  }
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
