// SPDX-License-Identifier: Apache-2.0
#include "prefetch/order.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "base/bytes.h"

namespace shoal::prefetch {
namespace {

constexpr std::uint64_t kAddressUnit = 512;  // the smallest block: every file begins at one
constexpr std::uint64_t kLengthMask = (1u << 10) - 1;
constexpr std::uint64_t kCountsChunks = 1u << 10;
constexpr std::uint32_t kLengthBits = 11;
// next_use() looks back so many chunks for the beginning of a large file: 128 MiB.
constexpr std::uint64_t kLookBackChunks = 32;

}  // namespace

Order::Packed Order::pack(const File& file) const {
  const std::uint64_t chunk = geometry_.chunk_bytes;
  const Packed address = file.begin.value / kAddressUnit << kLengthBits;
  if (file.length > chunk)
    return address | kCountsChunks | std::min((file.length - 1) / chunk, kLengthMask);
  const std::uint64_t unit = std::max<std::uint64_t>(chunk / (kLengthMask + 1), 1);
  return address | std::min((file.length - 1) / unit, kLengthMask);
}

// Rounded down to what is surely the file's own, and then up to a block.
Range Order::unpack(Packed packed) const {
  const std::uint64_t count = packed & kLengthMask;
  const std::uint64_t chunk = geometry_.chunk_bytes;
  const std::uint64_t unit =
      (packed & kCountsChunks) != 0 ? chunk : std::max<std::uint64_t>(chunk / (kLengthMask + 1), 1);
  return {DataAddress{(packed >> kLengthBits) * kAddressUnit},
          round_down(count * unit, geometry_.block_bytes) + geometry_.block_bytes};
}

bool Order::append(std::span<const File> files) {
  const std::uint64_t begin = size_.load(std::memory_order_relaxed);  // only this thread writes
  std::uint64_t end = begin;
  std::uint64_t large = 0;
  std::vector<Block> blocks;  // new ones
  for (const File& file : files) {
    if (file.length == 0) continue;
    if (end == kFilesMax) return false;
    const std::size_t block = end / kBlockFiles;
    if (block >= blocks_.size() + blocks.size())
      blocks.push_back(std::make_unique<Packed[]>(kBlockFiles));
    Block& target = block < blocks_.size() ? blocks_[block] : blocks[block - blocks_.size()];
    target[end % kBlockFiles] = pack(file);  // nobody reads behind size_
    if (file.length > geometry_.chunk_bytes)
      large = std::max(large, (file.length - 1) / geometry_.chunk_bytes);
    ++end;
  }
  if (end == begin) return true;
  if (!blocks.empty()) {
    const std::unique_lock lock(mutex_);
    for (Block& block : blocks) blocks_.push_back(std::move(block));
  }
  std::vector<Run> runs = runs_;
  auto run = sorted_run(begin, end);
  while (!runs.empty() && runs.back()->size() <= 2 * run.size()) {
    run = merged(*runs.back(), run);
    runs.pop_back();
  }
  runs.push_back(std::make_shared<const std::vector<std::uint32_t>>(std::move(run)));
  const std::unique_lock lock(mutex_);
  runs_.swap(runs);  // what was merged is freed behind the lock
  large_chunks_max_ = std::max(large_chunks_max_, std::min(large, kLookBackChunks));
  size_.store(end, std::memory_order_release);
  return true;
}

std::vector<std::uint32_t> Order::sorted_run(std::uint64_t begin, std::uint64_t end) const {
  std::vector<std::uint32_t> run(end - begin);
  std::iota(run.begin(), run.end(), static_cast<std::uint32_t>(begin));
  std::sort(run.begin(), run.end(), [this](std::uint32_t a, std::uint32_t b) {
    const std::uint64_t chunk_a = chunk_at(a);
    const std::uint64_t chunk_b = chunk_at(b);
    return chunk_a != chunk_b ? chunk_a < chunk_b : a < b;
  });
  return run;
}

// Every ordinal of `older` is below every one of `newer`.
std::vector<std::uint32_t> Order::merged(const std::vector<std::uint32_t>& older,
                                         const std::vector<std::uint32_t>& newer) const {
  std::vector<std::uint32_t> run(older.size() + newer.size());
  std::merge(older.begin(), older.end(), newer.begin(), newer.end(), run.begin(),
             [this](std::uint32_t a, std::uint32_t b) { return chunk_at(a) < chunk_at(b); });
  return run;
}

Range Order::at(std::uint64_t ordinal) const {
  const std::shared_lock lock(mutex_);
  return unpack(packed_at(ordinal));
}

std::uint64_t Order::next_in_run(const std::vector<std::uint32_t>& run, std::uint64_t chunk,
                                 std::uint64_t from) const {
  const auto found =
      std::partition_point(run.begin(), run.end(), [this, chunk, from](std::uint32_t ordinal) {
        const std::uint64_t other = chunk_at(ordinal);
        return other < chunk || (other == chunk && ordinal < from);
      });
  return found != run.end() && chunk_at(*found) == chunk ? *found : kNever;
}

std::uint64_t Order::next_locked(std::uint64_t chunk, std::uint64_t from) const {
  std::uint64_t next = kNever;
  for (const Run& run : runs_) next = std::min(next, next_in_run(*run, chunk, from));
  return next;
}

std::optional<std::uint64_t> Order::find_locked(DataAddress address, std::uint64_t from,
                                                std::uint64_t end) const {
  const std::uint64_t chunk = geometry_.chunk_of(address).value;
  for (std::uint64_t ordinal = next_locked(chunk, from); ordinal < end;
       ordinal = next_locked(chunk, ordinal + 1)) {
    const Range file = unpack(packed_at(ordinal));
    if (address.value >= file.begin.value && address.value < file.end()) return ordinal;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Order::find(DataAddress address, std::uint64_t from) const {
  const std::shared_lock lock(mutex_);
  if (const auto behind = find_locked(address, from, kNever)) return behind;
  return find_locked(address, 0, from);
}

std::uint64_t Order::next_use(ChunkId chunk) const {
  const std::uint64_t from = position();
  const std::shared_lock lock(mutex_);
  std::uint64_t next = next_locked(chunk.value, from);
  // Files of several chunks are listed under the first of them. They begin at a chunk, and nothing
  // else begins in the chunks between their first and last.
  for (std::uint64_t back = 1; back <= std::min(large_chunks_max_, chunk.value); ++back) {
    const std::uint64_t first = chunk.value - back;
    const std::uint64_t ordinal = next_locked(first, from);
    if (ordinal == kNever) {
      if (next_locked(first, 0) != kNever) break;
      continue;
    }
    const Range file = unpack(packed_at(ordinal));
    if (geometry_.chunk_of({file.end() - 1}) >= chunk) next = std::min(next, ordinal);
    break;
  }
  return next == kNever ? kNever : next - from;
}

}  // namespace shoal::prefetch
