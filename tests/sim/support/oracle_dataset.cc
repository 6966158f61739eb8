// SPDX-License-Identifier: Apache-2.0
#include "sim/support/oracle_dataset.h"

#include <fmt/format.h>

#include <algorithm>

namespace shoal::sim {

OracleDataset::OracleDataset(OracleBucket& bucket, const std::string& prefix,
                             format::Geometry geometry, const std::vector<std::uint64_t>& sizes,
                             OracleObject::ETagKind etag_kind)
    : geometry_(geometry) {
  format::AddressAllocator allocator(geometry, DataAddress{0});
  for (std::size_t number = 0; number < sizes.size(); ++number) {
    Placed placed;
    placed.path = fmt::format("d{:04}/f{:06}", number / 100, number);
    placed.object = {number, sizes[number], 1, etag_kind};
    placed.address = allocator.place(sizes[number]);
    bucket.objects[prefix + placed.path] = placed.object;
    for (std::uint64_t at = 0; at < placed.object.size;) {
      const std::uint64_t address = placed.address.value + at;
      const std::uint64_t in_chunk = address % geometry.chunk_bytes;
      const std::uint64_t length =
          std::min(placed.object.size - at, geometry.chunk_bytes - in_chunk);
      chunks_[address / geometry.chunk_bytes].extents.push_back(
          {placed.path, placed.object.etag(), placed.object.size, at,
           static_cast<std::uint32_t>(in_chunk), static_cast<std::uint32_t>(length)});
      at += length;
    }
    objects_.push_back(std::move(placed));
  }
  data_end_ = allocator.end();
}

std::vector<std::uint64_t> OracleDataset::mixed_sizes(Rng& rng, std::size_t count,
                                                      std::uint64_t small_max,
                                                      std::uint64_t large_max) {
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t kind = rng.below(40);
    sizes.push_back(kind == 0 ? 0 : 1 + rng.below(kind == 1 ? large_max : small_max));
  }
  return sizes;
}

Result<format::ChunkRecord> OracleDataset::chunk(ChunkId chunk) const {
  if (chunk.value > data_end_.value / geometry_.chunk_bytes)
    return fail(ErrorCode::not_found, fmt::format("no chunk {}", chunk.value));
  const auto found = chunks_.find(chunk.value);
  return found == chunks_.end() ? format::ChunkRecord{} : found->second;
}

void OracleDataset::expect(DataAddress begin, MutableByteSpan target) const {
  std::ranges::fill(target, std::byte{0});
  const std::uint64_t end = begin.value + target.size();
  auto at = std::partition_point(objects_.begin(), objects_.end(), [&](const Placed& placed) {
    return placed.address.value + placed.object.size <= begin.value;
  });
  for (; at != objects_.end() && at->address.value < end; ++at) {
    const std::uint64_t first = std::max(begin.value, at->address.value);
    const std::uint64_t last = std::min(end, at->address.value + at->object.size);
    if (first < last)
      oracle_fill(at->object.number, 1, first - at->address.value,
                  target.subspan(first - begin.value, last - first));
  }
}

Result<std::optional<format::CacheRecord>> MemoryRecords::load(ChunkId chunk) const {
  const std::lock_guard lock(mutex_);
  const auto found = records.find(chunk);
  if (found == records.end()) return std::optional<format::CacheRecord>{};
  return std::optional(found->second);
}
Result<void> MemoryRecords::store(ChunkId chunk, const format::CacheRecord& record) {
  if (refuse_store) return fail(ErrorCode::io, "store a cache record: injected failure");
  const std::lock_guard lock(mutex_);
  records[chunk] = record;
  return {};
}
Result<void> MemoryRecords::erase(ChunkId chunk) {
  const std::lock_guard lock(mutex_);
  records.erase(chunk);
  return {};
}
Result<void> MemoryRecords::visit(
    const std::function<bool(ChunkId, const format::CacheRecord&)>& visit) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [chunk, record] : records)
    if (!visit(chunk, record)) break;
  return {};
}

}  // namespace shoal::sim
