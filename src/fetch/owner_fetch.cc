// SPDX-License-Identifier: Apache-2.0
// ChunkOwner and the bucket: the life of an op, from the wish to the bytes in the buffer.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "fetch/chunk_owner.h"

namespace shoal::fetch {
namespace {

using namespace std::chrono_literals;

constexpr auto kPrefetchFailureDelay = 1s;
constexpr std::size_t kPrefetchFailuresMax = 1024;
constexpr auto kCheckWithin = 5ms;  // nobody waits for it; how long its chunk is not written yet

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

std::vector<FetchOp*>::iterator place_of(std::vector<FetchOp*>& ops, std::uint32_t chunk_offset) {
  // Ops are mostly made in address order.
  if (ops.empty() || ops.back()->chunk_offset < chunk_offset) return ops.end();
  return std::ranges::lower_bound(ops, chunk_offset, {}, &FetchOp::chunk_offset);
}

}  // namespace

// ---- ops

// `range` begins at a block, holds absent blocks of the extent only and ends at a block or with it.
FetchOp& ChunkOwner::make_op(Chunk& chunk, const format::Extent& extent, ByteRange range) {
  FetchOp& op = ops_.take();
  op.chunk = &chunk;
  op.key.assign(parts_.key_prefix).append(extent.path);
  op.etag.assign(extent.etag);
  op.object_size = extent.object_size;
  op.object_offset = extent.object_offset + (range.begin - extent.chunk_offset);
  op.chunk_offset = range.begin;
  op.length = range.end - range.begin;
  op.extent_offset = extent.chunk_offset;
  op.checked = body_check_.covers(op);
  chunk.ops.insert(place_of(chunk.ops, range.begin), &op);
  chunk.filling.add(first_block(range.begin), end_block(range.end));
  return op;
}

// Precondition: idle, nobody waits for it.
void ChunkOwner::drop_op(FetchOp& op) {
  Chunk& chunk = *op.chunk;
  SHOAL_ASSERT(op.state == FetchOp::State::idle && op.waiters.empty());
  chunk.filling.remove(first_block(op.chunk_offset), end_block(op.end()));
  chunk.ops.erase(std::ranges::lower_bound(chunk.ops, op.chunk_offset, {}, &FetchOp::chunk_offset));
  ops_.give(op);
}

FetchOp* ChunkOwner::op_at(const Chunk& chunk, std::uint32_t block) const {
  if (!chunk.filling.contains(block)) return nullptr;
  const auto behind = std::ranges::upper_bound(chunk.ops, block * parts_.geometry.block_bytes, {},
                                               &FetchOp::chunk_offset);
  return *std::prev(behind);
}

// `want` lies inside the op's bytes.
void ChunkOwner::wait_for(FetchOp& op, ReadPart& part, const Want& want) {
  const bool is_read = part.kind == ReadPart::Kind::read;
  const auto urgency = is_read ? FetchOp::Urgency::demand : FetchOp::Urgency::warm;
  if (!op.checked && want.end <= op.chunk_offset + op.received) {
    if (is_read)
      std::memcpy(want.target, op.chunk->buffer.data() + want.begin, want.end - want.begin);
    part.bytes_present += want.end - want.begin;
    return;
  }
  part.hit = false;
  part.waits += 1;
  op.waiters.push_back({&part, want.begin, want.end, want.target});
  switch (op.state) {
    case FetchOp::State::idle:
      queue_.push(op, urgency);
      return;
    case FetchOp::State::queued:
      queue_.promote(op, urgency);
      return;
    case FetchOp::State::arrived:
      check_soon();
      return;
    case FetchOp::State::in_flight:
      // Asleep between two tries, say: a fresh one may be answered at once. It takes its place in
      // the queue when the old one has ended.
      if (is_read && queue_.is_overdue(op)) queue_.give_up(op);
      return;
  }
}

// ---- a GET's life

bool ChunkOwner::prepare(FetchOp& op) {
  Chunk& chunk = *op.chunk;
  const bool demand = op.urgency == FetchOp::Urgency::demand;
  if (!keeper_.reserve(chunk, op.chunk_offset, op.end(), demand)) return false;
  chunk.in_flight += 1;
  table_.touch(chunk, parts_.executor.clock().now());
  if (op.urgency == FetchOp::Urgency::guess) {
    const std::uint32_t begin = first_block(op.chunk_offset);
    const std::uint32_t end = end_block(op.end());
    chunk.unread.add(begin, end);
    counters_.prefetched_bytes.add(std::uint64_t{end - begin} * parts_.geometry.block_bytes);
  }
  if (op.urgency == FetchOp::Urgency::warm) counters_.warmed_bytes.add(op.length);
  return true;
}

Result<void> ChunkOwner::on_bytes(FetchOp& op, ByteSpan bytes) {
  if (bytes.size() > op.length - op.received)
    return fail(ErrorCode::corrupt, fmt::format("GET {}/{}: more bytes came than the {} asked for",
                                                parts_.store.name(), op.key, op.length));
  std::memcpy(op.chunk->buffer.data() + op.chunk_offset + op.received, bytes.data(), bytes.size());
  op.received += static_cast<std::uint32_t>(bytes.size());
  op.heard_at = parts_.executor.clock().now();
  counters_.get_bytes.add(bytes.size());
  if (!op.checked) answer_arrived(op);
  return {};
}

// Answers the waiters whose bytes are there. Those are taken out first: a read that ends may look
// at the op again.
void ChunkOwner::answer_arrived(FetchOp& op) {
  const std::uint32_t arrived = op.chunk_offset + op.received;
  const auto ready = std::partition(op.waiters.begin(), op.waiters.end(),
                                    [&](const FetchOp::Waiter& w) { return w.end > arrived; });
  if (ready == op.waiters.end()) return;
  std::vector<FetchOp::Waiter> answered = std::exchange(answered_, {});  // keeps its memory
  answered.assign(ready, op.waiters.end());
  op.waiters.erase(ready, op.waiters.end());
  for (const FetchOp::Waiter& waiter : answered) {
    if (waiter.target != nullptr)
      std::memcpy(waiter.target, op.chunk->buffer.data() + waiter.begin, waiter.end - waiter.begin);
    waiter.part->bytes_fetched += waiter.end - waiter.begin;
    end_piece(*waiter.part);
  }
  answered_ = std::move(answered);
}

void ChunkOwner::on_finished(FetchOp& op, Result<void> result) {
  if (result && op.received != op.length)
    result = fail(ErrorCode::corrupt,
                  fmt::format("GET {}/{}: {} bytes came instead of {}", parts_.store.name(), op.key,
                              op.received, op.length),
                  "A proxy or the service cut the answer short; try again.");
  if (result && op.checked)
    hold_for_check(op);
  else
    conclude(op, std::move(result), /*fetch_it_again=*/false);
  report();
  step_close();
  pump();
}

// Bodies are checked several at a time, which takes a fraction of the time: as soon as there are
// enough, or somebody waits for one, or a moment has passed.
void ChunkOwner::hold_for_check(FetchOp& op) {
  op.state = FetchOp::State::arrived;
  arrived_.push_back(&op);
  if (arrived_.size() >= md5_lanes() || closing_ != Closing::no)
    check_arrived();
  else if (!op.waiters.empty())
    check_soon();
  else if (!check_timer_)
    check_timer_ = parts_.executor.after(kCheckWithin, [this] {
      check_timer_.reset();
      check_and_go_on();
    });
}

// Behind what ends in this turn of the executor.
void ChunkOwner::check_soon() {
  if (std::exchange(check_posted_, true)) return;
  parts_.executor.post([this] {
    check_posted_ = false;
    check_and_go_on();
  });
}

void ChunkOwner::check_and_go_on() {
  check_arrived();
  report();
  step_close();
  pump();
}

void ChunkOwner::check_arrived() {
  if (check_timer_) parts_.executor.cancel(*std::exchange(check_timer_, std::nullopt));
  // Ops that end may bring others here.
  const std::vector<FetchOp*> ops = std::exchange(arrived_, {});
  std::vector<ByteSpan> bodies;
  for (const FetchOp* op : ops)
    bodies.emplace_back(op->chunk->buffer.data() + op->chunk_offset, op->length);
  std::vector<Md5> digests(ops.size());
  BodyCheck::digest(bodies, digests);
  for (std::size_t i = 0; i < ops.size(); ++i) {
    ops[i]->state = FetchOp::State::idle;
    on_checked(*ops[i], body_check_.judge(*ops[i], digests[i]));
  }
}

void ChunkOwner::on_checked(FetchOp& op, BodyCheck::Verdict verdict) {
  if (verdict == BodyCheck::Verdict::good) {
    op.checked = false;
    answer_arrived(op);
    conclude(op, {}, /*fetch_it_again=*/false);
    return;
  }
  counters_.misfit_bodies.add(1);
  conclude(op,
           fail(ErrorCode::corrupt,
                fmt::format("GET {}/{}: the bytes do not have the MD5 of their ETag {}",
                            parts_.store.name(), op.key, op.etag),
                "Something between the service and here changes bytes: use https, look at proxies "
                "and memory."),
           verdict == BodyCheck::Verdict::fetch_again && closing_ == Closing::no);
}

void ChunkOwner::conclude(FetchOp& op, Result<void> result, bool fetch_it_again) {
  const ChunkId id = op.chunk->id;
  op.chunk->in_flight -= 1;
  if (fetch_it_again || (!result && is_worth_another(op, result.error())))
    fetch_again(op);
  else if (result)
    on_fetched(op);
  else
    on_fetch_failed(op, explained(std::move(result).error()));
  // A read that ended may have settled the chunk.
  if (Chunk* left = table_.find(id)) table_.settle(*left);
}

void ChunkOwner::on_fetched(FetchOp& op) {
  Chunk& chunk = *op.chunk;
  // What is behind an object in its last block is part of what is cached and checked: zeros.
  const std::uint32_t blocks_end = end_block(op.end()) * parts_.geometry.block_bytes;
  std::memset(chunk.buffer.data() + op.end(), 0, blocks_end - op.end());
  chunk.in_memory.add(first_block(op.chunk_offset), end_block(op.end()));
  if (op.speculative && !prefetch_failures_.empty()) prefetch_failures_.erase(failure_key(op));
  drop_op(op);  // every waiter was answered with the last byte
  if (!chunk.ops.empty()) return;
  cache::BlockSet present = chunk.in_memory;
  present |= chunk.in_file;
  if (present.count() == chunk.object_blocks) keeper_.flush(chunk);
}

// Somebody still waits, and the GET ended because it was given up for a new one, or because its
// time was over, which was that of its readers at the start: later ones have more.
bool ChunkOwner::is_worth_another(const FetchOp& op, const Error& error) const {
  if (closing_ >= Closing::flushing || op.waiters.empty()) return false;
  if (op.given_up && error.code() == ErrorCode::canceled) return true;
  const bool is_transient = error.code() == ErrorCode::timeout ||
                            error.code() == ErrorCode::unavailable ||
                            error.code() == ErrorCode::throttled;
  return is_transient && std::ranges::any_of(op.waiters, [&](const FetchOp::Waiter& waiter) {
           return waiter.part->deadline > op.gives_up_at;
         });
}

// The same op once more, for the same waiters: behind what is queued already.
void ChunkOwner::fetch_again(FetchOp& op) {
  waste_unread(op);
  op.received = 0;
  if (op.restarts < 255) op.restarts += 1;
  const bool has_reader = std::ranges::any_of(op.waiters, [](const FetchOp::Waiter& waiter) {
    return waiter.part->kind == ReadPart::Kind::read;
  });
  queue_.push(op, has_reader           ? FetchOp::Urgency::demand
                  : op.waiters.empty() ? FetchOp::Urgency::guess
                                       : FetchOp::Urgency::warm);
}

// Its blocks were counted as prefetched when the GET began.
void ChunkOwner::waste_unread(FetchOp& op) {
  Chunk& chunk = *op.chunk;
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
  if (error.code() != ErrorCode::canceled) counters_.get_errors.add(1);
  if (error.code() == ErrorCode::precondition || error.code() == ErrorCode::not_found)
    counters_.changed_objects.add(1);
  waste_unread(op);
  // Guesses leave it alone for a moment; a reader tries again at once.
  if (prefetch_failures_.size() >= kPrefetchFailuresMax) prefetch_failures_.clear();
  prefetch_failures_[failure_key(op)] = parts_.executor.clock().now() + kPrefetchFailureDelay;
  const auto waiters = std::exchange(op.waiters, {});
  drop_op(op);
  for (const FetchOp::Waiter& waiter : waiters) {
    if (!waiter.part->error) waiter.part->error = error;
    end_piece(*waiter.part);
  }
}

}  // namespace shoal::fetch
