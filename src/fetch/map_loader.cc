// SPDX-License-Identifier: Apache-2.0
#include "fetch/map_loader.h"

#include <fmt/format.h>

#include <utility>

namespace shoal::fetch {

MapLoader::MapLoader(LoopExecutor& executor, Executor& worker, const index::ChunkMap& map,
                     format::Geometry geometry, std::uint64_t bytes_max, Done done)
    : executor_(executor),
      worker_(worker),
      map_(map),
      geometry_(geometry),
      bytes_max_(bytes_max),
      done_(std::move(done)) {}

const format::ChunkRecord* MapLoader::find(ChunkId chunk) {
  const auto found = kept_.find(chunk);
  if (found == kept_.end()) return nullptr;
  by_use_.splice(by_use_.end(), by_use_, found->second.used_at);
  return &found->second.record;
}

void MapLoader::load(ChunkId chunk) {
  if (!loading_.insert(chunk).second) return;
  // Off the loop: the index may have to read a disk.
  worker_.post([this, chunk] {
    auto record = map_.chunk(chunk);
    executor_.post(
        [this, chunk, record = std::move(record)]() mutable { loaded(chunk, std::move(record)); });
  });
}

void MapLoader::loaded(ChunkId chunk, Result<format::ChunkRecord> record) {
  loading_.erase(chunk);
  Result<void> result;
  if (!record)
    result = fail(std::move(record).error().with_context(
        fmt::format("look up the objects of chunk {}", chunk.value)));
  else
    result = check_extents(chunk, *record, geometry_);
  if (result) keep(chunk, std::move(*record));
  done_(chunk, std::move(result));
}

void MapLoader::keep(ChunkId chunk, format::ChunkRecord record) {
  std::uint64_t bytes = sizeof(Kept);
  for (const format::Extent& extent : record.extents)
    bytes += sizeof(format::Extent) + extent.path.capacity() + extent.etag.capacity();
  // At least the map just loaded stays: somebody waits for it.
  while (!by_use_.empty() && bytes_ + bytes > bytes_max_) {
    const auto oldest = kept_.find(by_use_.front());
    bytes_ -= oldest->second.bytes;
    kept_.erase(oldest);
    by_use_.pop_front();
  }
  bytes_ += bytes;
  kept_[chunk] = Kept{std::move(record), bytes, by_use_.insert(by_use_.end(), chunk)};
}

Result<void> check_extents(ChunkId chunk, const format::ChunkRecord& record,
                           const format::Geometry& geometry) {
  std::uint64_t end = 0;
  for (const format::Extent& extent : record.extents) {
    const std::uint64_t extent_end = std::uint64_t{extent.chunk_offset} + extent.length;
    if (extent.chunk_offset < end || extent.chunk_offset % geometry.block_bytes != 0 ||
        extent.length == 0 || extent_end > geometry.chunk_bytes ||
        extent.object_offset + extent.length > extent.object_size)
      return fail(ErrorCode::corrupt,
                  fmt::format("map of chunk {} places {} at {}+{}, which cannot be", chunk.value,
                              extent.path, extent.chunk_offset, extent.length),
                  "The index is damaged; build it again with `shoal index build --rebuild`.");
    end = round_up(extent_end, geometry.block_bytes);
  }
  return {};
}

}  // namespace shoal::fetch
