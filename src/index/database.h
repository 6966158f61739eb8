// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "index/index.h"

// The RocksDB instance behind an index: column families, options, version check. Private to index/.
//
// Memory, whatever the number of objects: 32 MiB of block cache for all families (index blocks
// included), 16 MiB of memtables, one block per open file of a scan.
//
// Thread model: synchronized, except reset_staging(), which only a build calls.

namespace shoal::index {

enum class Family { meta, objects, chunks, special, cache, staging };
inline constexpr std::size_t kFamilies = 6;
[[nodiscard]] const char* name_of(Family family);

// Keys of the meta family, in their order.
inline constexpr std::string_view kBuildingKey = "building";
inline constexpr std::string_view kDatasetKey = "dataset";
inline constexpr std::string_view kGenerationKey = "generation";
inline constexpr std::string_view kRangePrefix = "range/";
inline constexpr std::string_view kRangeEnd = "range0";  // first key behind every range
inline constexpr std::string_view kVersionKey = "version";

class Database {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(
      const std::filesystem::path& directory, Index::Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] bool is_read_only() const { return read_only_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] rocksdb::DB& db() const { return *db_; }
  // Null for staging in a read-only database.
  [[nodiscard]] rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return handles_[static_cast<std::size_t>(family)];
  }
  // Options of SST files that will be ingested into `family`.
  [[nodiscard]] rocksdb::Options table_options(Family family) const;

  // "read chunks of index /v/index".
  [[nodiscard]] std::string describe(std::string_view verb, Family family) const;

  [[nodiscard]] Result<std::optional<std::string>> get(Family family, std::string_view key) const;
  [[nodiscard]] Result<void> put(Family family, std::string_view key, std::string_view value);
  // Iterates over the state of this moment. `upper_bound` is borrowed; null: to the end.
  [[nodiscard]] std::unique_ptr<rocksdb::Iterator> scan(
      Family family, const rocksdb::Slice* upper_bound = nullptr) const;
  [[nodiscard]] Result<bool> is_empty(Family family) const;
  // Empties staging at once, however much it holds.
  [[nodiscard]] Result<void> reset_staging();

 private:
  Database() = default;
  [[nodiscard]] Result<void> open_writable(bool create);
  [[nodiscard]] Result<void> open_read_only();
  [[nodiscard]] Result<void> check_version();
  void adopt(const std::vector<rocksdb::ColumnFamilyHandle*>& handles);
  [[nodiscard]] rocksdb::ColumnFamilyOptions family_options(std::string_view name) const;
  [[nodiscard]] std::vector<rocksdb::ColumnFamilyDescriptor> descriptors(
      const std::vector<std::string>& names) const;
  [[nodiscard]] Error locked(const rocksdb::Status& status) const;

  std::filesystem::path directory_;
  bool read_only_ = false;
  std::shared_ptr<rocksdb::Cache> block_cache_;  // shared with RocksDB's tables
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies> handles_{};
  std::vector<rocksdb::ColumnFamilyHandle*> other_handles_;  // "default" and those of a newer Shoal
};

}  // namespace shoal::index
