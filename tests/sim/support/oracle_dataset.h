// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/rng.h"
#include "format/records.h"
#include "index/index.h"
#include "sim/support/oracle_store.h"

namespace shoal::sim {

// A dataset laid out as the index would, and what its data region must read as.
class OracleDataset final : public index::ChunkMap {
 public:
  struct Placed {
    std::string path;
    OracleObject object;
    DataAddress address;
  };
  // Puts objects of the given sizes into the bucket, below `prefix`.
  OracleDataset(OracleBucket& bucket, const std::string& prefix, format::Geometry geometry,
                const std::vector<std::uint64_t>& sizes,
                OracleObject::ETagKind etag_kind = OracleObject::ETagKind::number);
  // Sizes as they come in life: many small, a few empty, some larger than a chunk.
  [[nodiscard]] static std::vector<std::uint64_t> mixed_sizes(Rng& rng, std::size_t count,
                                                              std::uint64_t small_max,
                                                              std::uint64_t large_max);

  Result<format::ChunkRecord> chunk(ChunkId chunk) const override;
  // What [begin, begin + target.size()) must read as: content, and zeros between objects.
  void expect(DataAddress begin, MutableByteSpan target) const;
  [[nodiscard]] const std::vector<Placed>& objects() const { return objects_; }
  [[nodiscard]] DataAddress data_end() const { return data_end_; }
  [[nodiscard]] const format::Geometry& geometry() const { return geometry_; }

 private:
  format::Geometry geometry_;
  std::vector<Placed> objects_;  // by address
  std::map<std::uint64_t, format::ChunkRecord> chunks_;
  DataAddress data_end_;
};

// The cache records of an index, in memory. synchronized; the fields are for before and after.
class MemoryRecords final : public index::CacheRecords {
 public:
  MemoryRecords() = default;
  explicit MemoryRecords(std::map<ChunkId, format::CacheRecord> kept) : records(std::move(kept)) {}
  std::map<ChunkId, format::CacheRecord> records;
  bool refuse_store = false;  // store() fails

  Result<std::optional<format::CacheRecord>> load(ChunkId chunk) const override;
  Result<void> store(ChunkId chunk, const format::CacheRecord& record) override;
  Result<void> erase(ChunkId chunk) override;
  Result<void> visit(
      const std::function<bool(ChunkId, const format::CacheRecord&)>& visit) const override;

 private:
  mutable std::mutex mutex_;
};

}  // namespace shoal::sim
