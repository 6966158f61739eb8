// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "index/database.h"

namespace rocksdb {
class SstFileWriter;
}

namespace shoal::index {

// Writes ascending keys of one family into SST files of bounded size, to be ingested: no memtable,
// no log, no compaction. Files that were not ingested are deleted at destruction.
//
// Thread model: confined. Private to index/.
class TableFiles {
 public:
  // Files are <directory>/<name>-<number>.sst.
  TableFiles(const Database& database, Family family, std::filesystem::path directory,
             std::string name);
  ~TableFiles();
  TableFiles(const TableFiles&) = delete;
  TableFiles& operator=(const TableFiles&) = delete;

  // Precondition: `key` is greater than all before.
  [[nodiscard]] Result<void> put(std::string_view key, std::string_view value);
  [[nodiscard]] Result<void> erase(std::string_view key);
  // A file of its own that erases everything the family holds; nothing when it is empty. To be
  // called before the first put().
  [[nodiscard]] Result<void> erase_all();
  [[nodiscard]] Result<void> finish();

  [[nodiscard]] Family family() const { return family_; }
  // Finished files, in the order of their precedence: later ones win.
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }

 private:
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<void> close();

  const Database& database_;
  const Family family_;
  const std::filesystem::path directory_;
  const std::string name_;
  std::unique_ptr<rocksdb::SstFileWriter> writer_;
  std::uint32_t keys_unchecked_ = 0;  // since the file's size was looked at
  std::vector<std::string> paths_;
};

// Makes all files part of the database in one atomic step, durably; they are moved, not copied.
[[nodiscard]] Result<void> ingest(Database& database, const std::vector<TableFiles*>& tables);

}  // namespace shoal::index
