// SPDX-License-Identifier: Apache-2.0
#include "index/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "index/lock_owner.h"
#include "index/status.h"

namespace shoal::index {
namespace {

constexpr std::size_t kBlockCacheBytes = 32u << 20;  // index blocks of 10 M objects are about half
constexpr std::size_t kMemtableBytes = 4u << 20;     // of one family; only cache states use it much
constexpr std::size_t kMemtableBytesAll = 16u << 20;  // all families
constexpr std::uint64_t kWalBytesMax = 32u << 20;     // replayed by every read-only open
constexpr std::uint64_t kFreeBytesMin = 2u << 20;     // manifest, options and the first log
constexpr int kOpenFilesMax = 256;                    // a machine may allow 1024 to a process
constexpr int kReadOnlyAttempts = 5;                  // the writer may delete files while we open
// Sorted runs pile up in staging on purpose: merging them once, while laying out, beats compacting
// them. Beyond this many the merge itself would need too many open blocks.
constexpr int kStagingRunsMax = 64;
constexpr int kNever = 1 << 30;

constexpr std::array<Family, kFamilies> kAllFamilies{
    Family::meta, Family::objects, Family::chunks, Family::special, Family::cache, Family::staging};

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.max_open_files = kOpenFilesMax;
  options.max_background_jobs = 2;
  options.db_write_buffer_size = kMemtableBytesAll;
  options.max_total_wal_size = kWalBytesMax;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1u << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

bool has_database(const std::filesystem::path& directory) {
  std::error_code ignored;
  return std::filesystem::exists(directory / "CURRENT", ignored);
}

// RocksDB's first writes must find room: where its library has assertions, as Debian's has, one
// that does not ends the process.
Result<void> check_space(const std::filesystem::path& directory) {
  std::error_code unknown;
  const auto space = std::filesystem::space(directory, unknown);
  if (unknown || space.available >= kFreeBytesMin) return {};
  return fail(ErrorCode::no_space,
              "open index " + directory.string() + ": " + std::to_string(space.available) +
                  " bytes are free on its disk, " + std::to_string(kFreeBytesMin) + " are needed",
              "Free space on the volume's disk, or move the volume.");
}

bool is_lock_failure(const rocksdb::Status& status) {
  return status.IsIOError() && status.ToString().find("lock") != std::string::npos &&
         status.ToString().find("LOCK") != std::string::npos;
}

}  // namespace

const char* name_of(Family family) {
  switch (family) {
    case Family::meta:
      return "meta";
    case Family::objects:
      return "objects";
    case Family::chunks:
      return "chunks";
    case Family::special:
      return "special";
    case Family::cache:
      return "cache";
    case Family::staging:
      return "staging";
  }
  return "?";
}

std::string Database::describe(std::string_view verb, Family family) const {
  return std::string(verb) + " " + name_of(family) + " of index " + directory_.string();
}

// ---- options

rocksdb::ColumnFamilyOptions Database::family_options(std::string_view name) const {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = kMemtableBytes;
  options.max_write_buffer_number = 2;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = block_cache_;
  // Index blocks count against the cache; otherwise they would grow with the number of objects.
  table.cache_index_and_filter_blocks = true;
  table.format_version = 5;
  table.block_size = 16u << 10;
  options.compression = rocksdb::kLZ4Compression;
  if (name == name_of(Family::chunks)) {
    // Long records full of similar paths, read once per chunk: worth the stronger coder.
    options.compression = rocksdb::kZSTD;
  } else if (name == name_of(Family::staging)) {
    options.level0_file_num_compaction_trigger = kStagingRunsMax;
    options.level0_slowdown_writes_trigger = kNever;
    options.level0_stop_writes_trigger = kNever;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::Options Database::table_options(Family family) const {
  return {database_options(), family_options(name_of(family))};
}

std::vector<rocksdb::ColumnFamilyDescriptor> Database::descriptors(
    const std::vector<std::string>& names) const {
  std::vector<rocksdb::ColumnFamilyDescriptor> all;
  for (const std::string& name : names) all.emplace_back(name, family_options(name));
  return all;
}

// ---- opening

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& directory,
                                                 Index::Mode mode) {
  std::unique_ptr<Database> database(new Database);
  database->directory_ = directory;
  database->read_only_ = mode == Index::Mode::read_only;
  database->block_cache_ = rocksdb::NewLRUCache(kBlockCacheBytes);
  if (mode != Index::Mode::create && !has_database(directory))
    return fail(ErrorCode::not_found, "open index " + directory.string() + ": there is none",
                "Check the volume's directory, or mount or index the dataset first.");
  if (database->read_only_) {
    SHOAL_CHECK_OK(database->open_read_only());
  } else {
    SHOAL_CHECK_OK(database->open_writable(mode == Index::Mode::create));
  }
  SHOAL_CHECK_OK(database->check_version());
  return database;
}

Result<void> Database::open_writable(bool create) {
  std::error_code failed;
  if (create) std::filesystem::create_directories(directory_, failed);
  if (failed)
    return fail(ErrorCode::io, "create index " + directory_.string() + ": " + failed.message(),
                "Check the rights on the directory above, or choose another.");
  SHOAL_CHECK_OK(check_space(directory_));
  rocksdb::DBOptions options = database_options();
  options.create_if_missing = create;
  options.create_missing_column_families = true;
  std::vector<std::string> names;
  if (has_database(directory_)) {
    // A newer Shoal may have added families; RocksDB insists that all are named.
    SHOAL_CHECK_OK(check(rocksdb::DB::ListColumnFamilies(options, directory_.string(), &names),
                         "open index " + directory_.string()));
  } else {
    names.push_back(rocksdb::kDefaultColumnFamilyName);
  }
  for (const Family family : kAllFamilies)
    if (std::find(names.begin(), names.end(), name_of(family)) == names.end())
      names.emplace_back(name_of(family));
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status status =
      rocksdb::DB::Open(options, directory_.string(), descriptors(names), &handles, &db);
  if (is_lock_failure(status)) return fail(locked(status));
  SHOAL_CHECK_OK(check(status, "open index " + directory_.string()));
  db_.reset(db);
  adopt(handles);
  return {};
}

Result<void> Database::open_read_only() {
  rocksdb::DBOptions options = database_options();
  // Every file is opened now and stays open, so that it can be read to the end although the writer
  // replaces and deletes it. Files are 64 MiB and more: few.
  options.max_open_files = -1;
  std::vector<std::string> names{rocksdb::kDefaultColumnFamilyName};
  for (const Family family : kAllFamilies)
    if (family != Family::staging) names.emplace_back(name_of(family));
  rocksdb::Status status;
  for (int attempt = 0; attempt < kReadOnlyAttempts; ++attempt) {
    rocksdb::DB* db = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    status = rocksdb::DB::OpenForReadOnly(options, directory_.string(), descriptors(names),
                                          &handles, &db);
    if (status.ok()) {
      db_.reset(db);
      adopt(handles);
      return {};
    }
    if (!status.IsPathNotFound() && !status.IsCorruption()) break;
  }
  // A writer that is just making the index has not made every family.
  if (status.IsInvalidArgument())
    return fail(ErrorCode::precondition,
                "open index " + directory_.string() + ": it is not finished: " + status.ToString(),
                "Wait until it has been built, or build it again.");
  return check(status, "open index " + directory_.string());
}

void Database::adopt(const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    const auto family = std::find_if(kAllFamilies.begin(), kAllFamilies.end(), [&](Family known) {
      return handle->GetName() == name_of(known);
    });
    if (family == kAllFamilies.end()) {
      other_handles_.push_back(handle);
    } else {
      handles_[static_cast<std::size_t>(*family)] = handle;
    }
  }
}

Error Database::locked(const rocksdb::Status& status) const {
  // RocksDB words a second open by this very process differently; probing it would drop the lock.
  const bool by_us = status.ToString().find("current process") != std::string::npos;
  const std::string owner = by_us ? "this process" : lock_owner(directory_ / "LOCK");
  return Error(ErrorCode::precondition,
               "open index " + directory_.string() + ": " + owner + " has it open for writing",
               "Stop that process, or open the volume read-only.");
}

Result<void> Database::check_version() {
  SHOAL_TRY(const auto stored, get(Family::meta, kVersionKey));
  if (!stored) {
    if (read_only_)
      return fail(ErrorCode::precondition,
                  "open index " + directory_.string() + ": it is not finished", "Build it again.");
    return put(Family::meta, kVersionKey, std::to_string(format::kVolumeVersion));
  }
  std::uint32_t version = 0;
  const char* end = stored->data() + stored->size();
  const auto [rest, status] = std::from_chars(stored->data(), end, version);
  if (status != std::errc{} || rest != end || version == 0)
    return fail(ErrorCode::corrupt,
                "open index " + directory_.string() + ": its version is \"" + *stored + "\"",
                "The index is damaged: delete it and build it again.");
  if (version > format::kVolumeVersion)
    return fail(ErrorCode::unsupported,
                "open index " + directory_.string() +
                    ": written by a newer Shoal, volume version " + std::to_string(version) +
                    ", this one reads up to " + std::to_string(format::kVolumeVersion),
                "Use the newer Shoal, or build the volume again in another directory.");
  return {};
}

Database::~Database() {
  if (!db_) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_)
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  for (rocksdb::ColumnFamilyHandle* handle : other_handles_)
    db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
}

// ---- access

Result<std::optional<std::string>> Database::get(Family family, std::string_view key) const {
  std::string value;
  const rocksdb::Status status = db_->Get({}, handle(family), key, &value);
  if (status.IsNotFound()) return std::nullopt;
  SHOAL_CHECK_OK(check(status, describe("read", family)));
  return value;
}

Result<void> Database::put(Family family, std::string_view key, std::string_view value) {
  return check(db_->Put({}, handle(family), key, value), describe("write", family));
}

std::unique_ptr<rocksdb::Iterator> Database::scan(Family family,
                                                  const rocksdb::Slice* upper_bound) const {
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = upper_bound;
  options.fill_cache = false;  // a walk over millions of entries would push out what lookups need
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, handle(family)));
}

Result<bool> Database::is_empty(Family family) const {
  const auto cursor = scan(family);
  cursor->SeekToFirst();
  if (cursor->Valid()) return false;
  SHOAL_CHECK_OK(check(cursor->status(), describe("read", family)));
  return true;
}

Result<void> Database::reset_staging() {
  SHOAL_ASSERT(!read_only_);
  SHOAL_TRY(const bool empty, is_empty(Family::staging));
  if (empty) return {};
  const std::string doing = describe("empty", Family::staging);
  // Dropping forgets whole files; the next open() makes the family again if we die in between.
  rocksdb::ColumnFamilyHandle*& staging = handles_[static_cast<std::size_t>(Family::staging)];
  SHOAL_CHECK_OK(check(db_->DropColumnFamily(staging), doing));
  rocksdb::ColumnFamilyHandle* fresh = nullptr;
  const char* name = name_of(Family::staging);
  SHOAL_CHECK_OK(check(db_->CreateColumnFamily(family_options(name), name, &fresh), doing));
  std::swap(staging, fresh);
  return check(db_->DestroyColumnFamilyHandle(fresh), doing);
}

}  // namespace shoal::index
