// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "index/database.h"
#include "index/index.h"

// The one implementation of Index. Private to index/: build() needs the database behind it.

namespace shoal::index {

class RocksIndex final : public Index {
 public:
  explicit RocksIndex(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  [[nodiscard]] Database& database() { return *database_; }

  [[nodiscard]] Result<std::optional<format::DatasetRecord>> dataset() const override;
  [[nodiscard]] Result<std::optional<format::GenerationRecord>> generation() const override;
  [[nodiscard]] Result<std::optional<format::ObjectRecord>> find(
      std::string_view path) const override;
  [[nodiscard]] Result<std::unique_ptr<Cursor>> walk(std::string_view path) const override;
  [[nodiscard]] Result<void> visit_special(
      const std::function<bool(const format::SpecialRecord&)>& visit) const override;

  [[nodiscard]] Result<format::ChunkRecord> chunk(ChunkId chunk) const override;

  [[nodiscard]] Result<std::optional<format::CacheRecord>> load(ChunkId chunk) const override;
  [[nodiscard]] Result<void> store(ChunkId chunk, const format::CacheRecord& record) override;
  [[nodiscard]] Result<void> erase(ChunkId chunk) override;
  [[nodiscard]] Result<void> visit(
      const std::function<bool(ChunkId, const format::CacheRecord&)>& visit) const override;

 private:
  std::unique_ptr<Database> database_;
};

// Walk over the objects family at and below `path` (no slash at either end).
[[nodiscard]] std::unique_ptr<Cursor> make_cursor(const Database& database, std::string_view path);

// Without slashes at either end: "a/b/" and "/a/b" mean "a/b".
[[nodiscard]] std::string_view trim_slashes(std::string_view path);

}  // namespace shoal::index
