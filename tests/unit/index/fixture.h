// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "index/build.h"
#include "index/index.h"
#include "unit/index/invented_store.h"
#include "unit/index/serial_executor.h"

namespace shoal::index {

// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    // In memory where that is possible: RocksDB syncs at every step, and power never fails here.
    std::error_code failed;
    const auto space = std::filesystem::space("/dev/shm", failed);
    const bool in_memory = !failed && space.available > (1u << 30);
    std::string pattern =
        ((in_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
         "shoal-index-XXXXXX")
            .string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline format::DatasetRecord dataset_record(format::Geometry geometry = {}) {
  format::DatasetRecord record;
  record.url = "s3://bucket/p/";
  record.geometry = geometry;
  return record;
}

inline std::unique_ptr<Index> open_or_die(const std::filesystem::path& path,
                                          Index::Mode mode = Index::Mode::create) {
  auto index = Index::open(path, mode);
  if (!index) {
    ADD_FAILURE() << index.error().to_string();
    std::abort();
  }
  return std::move(*index);
}

// Everything an index says, for comparing.
struct Content {
  std::vector<std::pair<std::string, format::ObjectRecord>> entries;
  std::vector<format::ChunkRecord> chunks;
  std::map<std::string, format::SpecialReason> special;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t object_bytes = 0;
  std::uint64_t special_keys = 0;
  DataAddress data_end;
  bool operator==(const Content&) const = default;
};

inline Content content_of(const Index& index) {
  Content content;
  const auto generation = index.generation().value();
  if (!generation) return content;
  content.files = generation->files;
  content.directories = generation->directories;
  content.object_bytes = generation->object_bytes;
  content.special_keys = generation->special_keys;
  content.data_end = generation->data_end;
  const auto cursor = index.walk("").value();
  Entry entry;
  while (cursor->next(entry).value()) content.entries.emplace_back(entry.path, entry.record);
  for (std::uint64_t i = 0;; ++i) {
    const auto chunk = index.chunk({i});
    if (!chunk) {
      EXPECT_EQ(chunk.error().code(), ErrorCode::not_found);
      break;
    }
    content.chunks.push_back(*chunk);
  }
  const auto visited = index.visit_special([&](const format::SpecialRecord& record) {
    content.special[record.key] = record.reason;
    return true;
  });
  EXPECT_TRUE(visited);
  return content;
}

inline Result<format::GenerationRecord> build_keys(Index& index,
                                                   const std::vector<std::string>& sorted,
                                                   InventedStore::Options store_options = {},
                                                   const BuildOptions& options = {},
                                                   format::Geometry geometry = {}) {
  SerialExecutor executor;
  InventedStore store(keys_of(sorted), sorted.size(), executor, std::move(store_options));
  return build(index, dataset_record(geometry), "p/", store, executor, options);
}

}  // namespace shoal::index
