// SPDX-License-Identifier: Apache-2.0
#include "index/index.h"

#include "base/bytes.h"
#include "index/rocks_index.h"
#include "index/status.h"

namespace shoal::index {
namespace {

using format::CacheRecord;
using format::ChunkRecord;
using format::DatasetRecord;
using format::GenerationRecord;
using format::ObjectRecord;
using format::SpecialRecord;

template <typename Record>
Result<std::optional<Record>> get_record(const Database& database, Family family,
                                         std::string_view key) {
  SHOAL_TRY(const auto bytes, database.get(family, key));
  if (!bytes) return std::nullopt;
  auto record = format::decode<Record>(*bytes);
  if (!record)
    return fail(std::move(record).error().with_context(database.describe("read", family)));
  return std::move(*record);
}

std::string key_of(ChunkId chunk) {
  return encode_be<std::uint64_t>(chunk.value);
}

}  // namespace

Result<std::unique_ptr<Index>> Index::open(const std::filesystem::path& directory, Mode mode) {
  SHOAL_TRY(auto database, Database::open(directory, mode));
  return std::make_unique<RocksIndex>(std::move(database));
}

std::string_view trim_slashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

Result<std::optional<DatasetRecord>> RocksIndex::dataset() const {
  return get_record<DatasetRecord>(*database_, Family::meta, kDatasetKey);
}

Result<std::optional<GenerationRecord>> RocksIndex::generation() const {
  return get_record<GenerationRecord>(*database_, Family::meta, kGenerationKey);
}

Result<std::optional<ObjectRecord>> RocksIndex::find(std::string_view path) const {
  const ObjectRecord implied{.kind = ObjectRecord::Kind::directory};
  path = trim_slashes(path);
  if (path.empty()) return implied;
  if (path.find('\0') != std::string_view::npos) return std::nullopt;
  std::string key = format::walk_key(path);
  SHOAL_TRY(auto file, get_record<ObjectRecord>(*database_, Family::objects, key));
  if (file) return file;
  key += '\0';
  const auto cursor = database_->scan(Family::objects);
  cursor->Seek(key);
  if (!cursor->Valid()) {
    SHOAL_CHECK_OK(check(cursor->status(), database_->describe("read", Family::objects)));
    return std::nullopt;
  }
  if (!cursor->key().starts_with(key)) return std::nullopt;
  if (cursor->key() != key) return implied;
  SHOAL_TRY(auto marker, format::decode<ObjectRecord>(cursor->value().ToStringView()));
  return marker;
}

Result<std::unique_ptr<Cursor>> RocksIndex::walk(std::string_view path) const {
  return make_cursor(*database_, trim_slashes(path));
}

Result<void> RocksIndex::visit_special(
    const std::function<bool(const SpecialRecord&)>& visit) const {
  const auto cursor = database_->scan(Family::special);
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    SHOAL_TRY(const auto record, format::decode<SpecialRecord>(cursor->value().ToStringView()));
    if (!visit(record)) return {};
  }
  return check(cursor->status(), database_->describe("read", Family::special));
}

Result<ChunkRecord> RocksIndex::chunk(ChunkId chunk) const {
  SHOAL_TRY(auto record, get_record<ChunkRecord>(*database_, Family::chunks, key_of(chunk)));
  if (!record)
    return fail(ErrorCode::not_found, database_->describe("read", Family::chunks) + ": chunk " +
                                          std::to_string(chunk.value) + " is past the end");
  return std::move(*record);
}

Result<std::optional<CacheRecord>> RocksIndex::load(ChunkId chunk) const {
  return get_record<CacheRecord>(*database_, Family::cache, key_of(chunk));
}

Result<void> RocksIndex::store(ChunkId chunk, const CacheRecord& record) {
  return database_->put(Family::cache, key_of(chunk), format::encode(record));
}

Result<void> RocksIndex::erase(ChunkId chunk) {
  return check(database_->db().Delete({}, database_->handle(Family::cache), key_of(chunk)),
               database_->describe("write", Family::cache));
}

Result<void> RocksIndex::visit(
    const std::function<bool(ChunkId, const CacheRecord&)>& visit) const {
  const auto cursor = database_->scan(Family::cache);
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    if (cursor->key().size() != sizeof(std::uint64_t))
      return fail(ErrorCode::corrupt,
                  database_->describe("read", Family::cache) + ": a key is no chunk number",
                  "The index is damaged: delete it and build it again.");
    SHOAL_TRY(const auto record, format::decode<CacheRecord>(cursor->value().ToStringView()));
    if (!visit({decode_be<std::uint64_t>(cursor->key().ToStringView())}, record)) return {};
  }
  return check(cursor->status(), database_->describe("read", Family::cache));
}

}  // namespace shoal::index
