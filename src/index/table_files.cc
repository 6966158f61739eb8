// SPDX-License-Identifier: Apache-2.0
#include "index/table_files.h"

#include <rocksdb/sst_file_writer.h>

#include "index/status.h"

namespace shoal::index {
namespace {

constexpr std::uint64_t kFileBytes = 64ull << 20;  // what RocksDB's own compaction aims at
constexpr std::uint32_t kKeysBetweenSizeChecks = 256;

}  // namespace

TableFiles::TableFiles(const Database& database, Family family, std::filesystem::path directory,
                       std::string name)
    : database_(database),
      family_(family),
      directory_(std::move(directory)),
      name_(std::move(name)) {}

TableFiles::~TableFiles() {
  writer_.reset();
  std::error_code
      ignored;  // ingested files have moved away; the others are swept at the next build
  for (const std::string& path : paths_) std::filesystem::remove(path, ignored);
}

Result<void> TableFiles::open() {
  const std::string path =
      (directory_ / (name_ + "-" + std::to_string(paths_.size()) + ".sst")).string();
  writer_ = std::make_unique<rocksdb::SstFileWriter>(
      rocksdb::EnvOptions(), database_.table_options(family_), database_.handle(family_),
      /*invalidate_page_cache=*/false);
  paths_.push_back(path);
  return check(writer_->Open(path), "write " + path);
}

Result<void> TableFiles::close() {
  if (!writer_) return {};
  const rocksdb::Status status = writer_->Finish();
  writer_.reset();
  return check(status, "write " + paths_.back());
}

Result<void> TableFiles::put(std::string_view key, std::string_view value) {
  if (++keys_unchecked_ >= kKeysBetweenSizeChecks) {
    keys_unchecked_ = 0;
    if (writer_ && writer_->FileSize() >= kFileBytes) SHOAL_CHECK_OK(close());
  }
  if (!writer_) SHOAL_CHECK_OK(open());
  const rocksdb::Status status = writer_->Put(key, value);
  return status.ok() ? Result<void>() : check(status, "write " + paths_.back());
}

Result<void> TableFiles::erase(std::string_view key) {
  if (!writer_) SHOAL_CHECK_OK(open());
  return check(writer_->Delete(key), "write " + paths_.back());
}

Result<void> TableFiles::erase_all() {
  const auto cursor = database_.scan(family_);
  cursor->SeekToFirst();
  if (!cursor->Valid()) return check(cursor->status(), database_.describe("read", family_));
  const std::string first = cursor->key().ToString();
  cursor->SeekToLast();
  if (!cursor->Valid()) return check(cursor->status(), database_.describe("read", family_));
  const std::string end = cursor->key().ToString() + '\0';
  SHOAL_CHECK_OK(open());
  SHOAL_CHECK_OK(check(writer_->DeleteRange(first, end), "write " + paths_.back()));
  return close();
}

Result<void> TableFiles::finish() {
  return close();
}

Result<void> ingest(Database& database, const std::vector<TableFiles*>& tables) {
  std::vector<rocksdb::IngestExternalFileArg> all;
  for (const TableFiles* table : tables) {
    if (table->paths().empty()) continue;
    rocksdb::IngestExternalFileArg& arg = all.emplace_back();
    arg.column_family = database.handle(table->family());
    arg.external_files = table->paths();
    arg.options.move_files = true;
    arg.options.write_global_seqno = false;
  }
  if (all.empty()) return {};
  return check(database.db().IngestExternalFiles(all),
               "ingest into index " + database.directory().string());
}

}  // namespace shoal::index
