// SPDX-License-Identifier: Apache-2.0
#include "volume/shuffled_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

namespace shoal::volume {
namespace {

// A chunk without objects (the end of a large object, dead space) may have no record.
Result<format::ChunkRecord> chunk_or_empty(const index::ChunkMap& map, ChunkId chunk) {
  auto record = map.chunk(chunk);
  if (!record && record.error().code() == ErrorCode::not_found) return format::ChunkRecord{};
  return record;
}

}  // namespace

Result<ShuffledFiles> ShuffledFiles::create(const index::ChunkMap& map, format::Geometry geometry,
                                            DataAddress data_end, const ShuffledEpoch& epoch) {
  const std::uint64_t group_chunks = epoch.group_bytes / geometry.chunk_bytes;
  if (group_chunks == 0 || group_chunks > 1u << 20)
    return fail(
        ErrorCode::bad_input,
        fmt::format("groups of {} cannot be shuffled", human_bytes(epoch.group_bytes)),
        fmt::format("Give a multiple of the chunk size, {}.", human_bytes(geometry.chunk_bytes)));
  const std::uint64_t chunks =
      round_up(data_end.value, geometry.chunk_bytes) / geometry.chunk_bytes;
  std::vector<std::uint32_t> counts(chunks);
  for (std::uint64_t chunk = 0; chunk < chunks; ++chunk) {
    SHOAL_TRY(const auto record, chunk_or_empty(map, ChunkId{chunk}));
    counts[chunk] = static_cast<std::uint32_t>(
        std::count_if(record.extents.begin(), record.extents.end(),
                      [](const format::Extent& extent) { return extent.object_offset == 0; }));
  }
  return ShuffledFiles(map, geometry,
                       {.seed = epoch.seed,
                        .epoch = epoch.epoch,
                        .group_chunks = static_cast<std::uint32_t>(group_chunks)},
                       std::move(counts));
}

ShuffledFiles::ShuffledFiles(const index::ChunkMap& map, format::Geometry geometry,
                             const prefetch::ShuffleOptions& options,
                             std::vector<std::uint32_t> counts)
    : map_(map), geometry_(geometry), rule_(options, counts) {
  first_.reserve(counts.size() + 1);
  std::uint64_t number = 0;
  for (const std::uint32_t count : counts) {
    first_.push_back(number);
    number += count;
  }
  first_.push_back(number);
}

Result<void> ShuffledFiles::load(ChunkId chunk, std::vector<File>& files) const {
  SHOAL_TRY(auto record, chunk_or_empty(map_, chunk));
  for (format::Extent& extent : record.extents)
    if (extent.object_offset == 0)
      files.push_back({std::move(extent.path),
                       DataAddress{geometry_.start_of(chunk).value + extent.chunk_offset},
                       extent.object_size});
  if (files.size() != first_[chunk.value + 1] - first_[chunk.value])
    return fail(ErrorCode::corrupt,
                fmt::format("chunk {} of the index changed while it was read", chunk.value));
  return {};
}

Result<bool> ShuffledFiles::next_group(std::vector<File>& files) {
  files.clear();
  if (!rule_.next_group(numbers_)) return false;
  std::unordered_map<std::uint64_t, std::vector<File>> chunks;  // of this group
  files.reserve(numbers_.size());
  for (const std::uint64_t number : numbers_) {
    const auto behind = std::upper_bound(first_.begin(), first_.end(), number);
    const auto chunk = static_cast<std::uint64_t>(behind - first_.begin() - 1);
    std::vector<File>& of_chunk = chunks[chunk];
    if (of_chunk.empty()) SHOAL_CHECK_OK(load(ChunkId{chunk}, of_chunk));
    files.push_back(std::move(of_chunk[number - first_[chunk]]));
  }
  return true;
}

}  // namespace shoal::volume
