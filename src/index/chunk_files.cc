// SPDX-License-Identifier: Apache-2.0
#include "index/chunk_files.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"

namespace shoal::index {

Result<void> ChunkFiles::add(std::string_view walk_key, const format::ObjectRecord& object) {
  if (object.size == 0) return {};
  format::Extent& extent = extent_;
  format::assign_path(walk_key, extent.path);
  extent.etag = object.etag;
  extent.object_size = object.size;
  for (std::uint64_t offset = 0; offset < object.size; offset += extent.length) {
    const DataAddress address{object.address.value + offset};
    const ChunkId chunk = geometry_.chunk_of(address);
    if (chunk != chunk_) SHOAL_CHECK_OK(enter(chunk));
    extent.object_offset = offset;
    extent.chunk_offset =
        static_cast<std::uint32_t>(address.value - geometry_.start_of(chunk).value);
    extent.length = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(object.size - offset, geometry_.chunk_bytes - extent.chunk_offset));
    format::append_extent(extent, record_);
  }
  return {};
}

Result<void> ChunkFiles::enter(ChunkId chunk) {
  SHOAL_ASSERT(record_.empty() || chunk > chunk_);
  SHOAL_CHECK_OK(finish());
  chunk_ = chunk;
  return {};
}

Result<void> ChunkFiles::finish() {
  if (record_.empty()) return {};
  SHOAL_CHECK_OK(writer_.put(files_, encode_be<std::uint64_t>(chunk_.value), record_));
  record_.clear();
  return {};
}

}  // namespace shoal::index
