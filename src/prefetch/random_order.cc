// SPDX-License-Identifier: Apache-2.0
#include "prefetch/random_order.h"

#include <algorithm>
#include <bit>

#include "base/bytes.h"

namespace shoal::prefetch {
namespace {

// Of 64 reads; between the two the last verdict stands.
constexpr int kUnclaimedToBegin = 58;
constexpr int kUnclaimedToGoOn = 48;
// 64 random reads of a large dataset lie in nearly as many chunks; a dataset may have fewer.
constexpr std::size_t kChunksNeeded = 32;
constexpr std::uint64_t kDatasetChunksMin = 8;
constexpr std::uint64_t kJudgeEveryReads = 8;
// Bytes asked for per byte waited for, and per byte of them that was read. A bucket that serves one
// reader serves eight times as much.
constexpr std::uint64_t kAmplification = 8;

}  // namespace

void RandomOrder::on_claimed() {
  unclaimed_ <<= 1;
  if (++reads_ % kJudgeEveryReads == 0) judge();
}

bool RandomOrder::on_read(const ReadSeen& read) {
  confidence_.on_read();
  const ChunkId chunk = options_.geometry.chunk_of(read.range.begin);
  unclaimed_ = unclaimed_ << 1 | 1;
  chunks_[chunks_next_++ % kReadsSeen] = chunk.value + 1;
  if (++reads_ % kJudgeEveryReads == 0) judge();
  if (!is_random_) return false;
  if (!read.hit && !confidence_.is_silent()) {
    budget_bytes_ =
        std::min(budget_bytes_ + (read.range.length * kAmplification >> confidence_.level()),
                 options_.window_bytes_max);
    // What was of no use may be of use later: a little is always tried.
    credit_bytes_ = std::min(credit_bytes_ + read.range.length / kAmplification,
                             std::max(credit_bytes_, options_.window_bytes_max));
    fill(chunk);
  }
  return true;
}

void RandomOrder::judge() {
  const int unclaimed = std::popcount(unclaimed_);
  if (is_random_) {
    is_random_ = unclaimed >= kUnclaimedToGoOn;
    if (!is_random_) budget_bytes_ = 0;
    return;
  }
  const std::uint64_t dataset_chunks =
      round_up(options_.data_end.value, options_.geometry.chunk_bytes) /
      options_.geometry.chunk_bytes;
  if (unclaimed < kUnclaimedToBegin || dataset_chunks < kDatasetChunksMin) return;
  is_random_ = chunks_seen() >= std::min<std::uint64_t>(kChunksNeeded, dataset_chunks / 2);
}

std::size_t RandomOrder::chunks_seen() const {
  auto chunks = chunks_;
  std::sort(chunks.begin(), chunks.end());
  const auto end = std::unique(chunks.begin(), chunks.end());
  return static_cast<std::size_t>(end - chunks.begin()) - (chunks[0] == 0 ? 1 : 0);
}

void RandomOrder::fill(ChunkId chunk) {
  const std::uint64_t begin = options_.geometry.start_of(chunk).value;
  const std::uint64_t end =
      std::min(begin + options_.geometry.chunk_bytes, options_.data_end.value);
  if (begin >= end || std::min(budget_bytes_, credit_bytes_) < end - begin) return;
  std::uint64_t& filled = filled_[chunk.value * 0x9E3779B97F4A7C15ull >> 56];
  if (filled == chunk.value + 1) return;
  filled = chunk.value + 1;
  budget_bytes_ -= end - begin;
  credit_bytes_ -= end - begin;
  stats_.proposed_bytes += end - begin;
  proposals_.propose({DataAddress{begin}, end - begin});
}

void RandomOrder::on_used(const Range& range) {
  credit_bytes_ += range.length * kAmplification;
  stats_.used_bytes += range.length;
  confidence_.on_used(range.length);
}

void RandomOrder::on_wasted(const Range& range) {
  stats_.wasted_bytes += range.length;
  confidence_.on_wasted(range.length);
}

}  // namespace shoal::prefetch
