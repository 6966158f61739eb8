// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "format/records.h"

// The RocksDB store of a volume: the only authority on what exists. Column families: objects (by
// walk key), chunks (extents by chunk number), cache (chunk states), special, meta, staging (what a
// listing under way has found, dropped when it is laid out).
//
// Thread model: synchronized (RocksDB's own); cursors are confined.

namespace shoal::index {

// One step of a walk: a file, or a directory that exists as a key of its own.
struct Entry {
  std::string path;  // relative to the dataset's prefix, no trailing '/'
  format::ObjectRecord record;
};

// Walks entries depth-first, names in byte order. Sees the state at its creation.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // False at the end. `entry` is reused between calls.
  [[nodiscard]] virtual Result<bool> next(Entry& entry) = 0;
  // Jumps behind everything below directory `path`: for listing one level of a large tree.
  [[nodiscard]] virtual Result<void> skip_directory(std::string_view path) = 0;
};

// What fetch needs of the index. synchronized.
class ChunkMap {
 public:
  virtual ~ChunkMap() = default;
  // A chunk number past the end is not_found.
  [[nodiscard]] virtual Result<format::ChunkRecord> chunk(ChunkId chunk) const = 0;
};

// What cache needs of the index. synchronized.
class CacheRecords {
 public:
  virtual ~CacheRecords() = default;
  [[nodiscard]] virtual Result<std::optional<format::CacheRecord>> load(ChunkId chunk) const = 0;
  [[nodiscard]] virtual Result<void> store(ChunkId chunk, const format::CacheRecord& record) = 0;
  [[nodiscard]] virtual Result<void> erase(ChunkId chunk) = 0;
  // Every stored record, in chunk order; `visit` returns false to stop.
  [[nodiscard]] virtual Result<void> visit(
      const std::function<bool(ChunkId, const format::CacheRecord&)>& visit) const = 0;
};

class Index : public ChunkMap, public CacheRecords {
 public:
  enum class Mode {
    create,      // made when missing; read-write
    read_write,  // not_found when missing
    read_only,   // may be used while another process has it open for writing
  };
  // Fails with precondition when locked by another process, unsupported when written by a newer
  // Shoal (naming both versions), corrupt when RocksDB says so.
  [[nodiscard]] static Result<std::unique_ptr<Index>> open(const std::filesystem::path& directory,
                                                           Mode mode);

  // Empty until a build has stated it.
  [[nodiscard]] virtual Result<std::optional<format::DatasetRecord>> dataset() const = 0;
  // Empty until a build has finished.
  [[nodiscard]] virtual Result<std::optional<format::GenerationRecord>> generation() const = 0;
  // Exactly one path; an implied directory (one without a key of its own) is found too.
  [[nodiscard]] virtual Result<std::optional<format::ObjectRecord>> find(
      std::string_view path) const = 0;
  // Entries at and below `path` ("" is the whole dataset).
  [[nodiscard]] virtual Result<std::unique_ptr<Cursor>> walk(std::string_view path) const = 0;
  [[nodiscard]] virtual Result<void> visit_special(
      const std::function<bool(const format::SpecialRecord&)>& visit) const = 0;
};

}  // namespace shoal::index
