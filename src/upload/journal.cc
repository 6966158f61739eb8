// SPDX-License-Identifier: Apache-2.0
#include "upload/journal.h"

#include <fmt/format.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

namespace shoal::upload {
namespace {

constexpr std::size_t kMemtableBytes = 16u << 20;    // of one family; bodies are up to 64 KiB each
constexpr std::uint64_t kWalBytesMax = 64ull << 20;  // replayed at the next open
constexpr std::uint64_t kFreeBytesMin = 4ull << 20;  // RocksDB's first files must find room
// Ids are taken from a run whose end is in the journal: ids of jobs that ended must not come back,
// or a spool file or a sent record could be taken for another job's.
constexpr std::uint64_t kIdRun = 1'000'000;
constexpr std::string_view kOwnerKey = "owner";
constexpr std::string_view kIdKey = "ids";
constexpr std::array<const char*, 6> kFamilyNames{"meta",      "jobs",  "bodies",
                                                  "multipart", "parts", "sent"};

std::string id_key(std::uint64_t id) {
  return encode_be(id);
}
std::string part_key(std::uint64_t id, std::uint32_t number) {
  return encode_be(id) + encode_be(number);
}
rocksdb::Slice slice(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_open_files = 64;
  options.max_background_jobs = 2;
  options.max_total_wal_size = kWalBytesMax;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1u << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  // A torn last record is what a crash leaves; anything before it must be whole.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return options;
}

}  // namespace

Error Journal::error_of(const rocksdb::Status& status, std::string_view doing) const {
  const std::string what = fmt::format("{} upload journal {}: {}", doing,
                                       options_.directory.string(), status.ToString());
  if (status.IsNoSpace())
    return Error(ErrorCode::no_space, what, "Free space on its disk, or name another --journal.");
  if (status.IsCorruption())
    return Error(ErrorCode::corrupt, what,
                 "The journal is damaged: move its directory away and send the files again.");
  return Error(ErrorCode::io, what, "Check the disk and the rights on the journal's directory.");
}

Result<void> Journal::write(rocksdb::WriteBatch& batch, bool sync, const char* doing) {
  rocksdb::WriteOptions options;
  options.sync = sync && options_.sync;
  const rocksdb::Status status = db_->Write(options, &batch);
  if (status.ok()) return {};
  has_failed_ = true;
  return fail(error_of(status, doing));
}

// ---- opening

Result<std::unique_ptr<Journal>> Journal::open(const Options& options) {
  SHOAL_CHECK_OK(sys::make_directories(options.directory));
  SHOAL_TRY(auto lock, sys::LockFile::acquire(options.directory / "lock"));
  SHOAL_TRY(const std::uint64_t free, sys::free_bytes(options.directory));
  if (free < kFreeBytesMin)
    return fail(ErrorCode::no_space,
                fmt::format("open upload journal {}: {} bytes are free on its disk, {} are needed",
                            options.directory.string(), free, kFreeBytesMin),
                "Free space there, or name another --journal.");
  std::unique_ptr<Journal> journal(new Journal(options, std::move(lock)));
  SHOAL_CHECK_OK(journal->open_database());
  SHOAL_CHECK_OK(journal->check_owner());
  SHOAL_CHECK_OK(journal->find_next_id());
  return journal;
}

Result<void> Journal::open_database() {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = kMemtableBytes;
  family.max_write_buffer_number = 2;
  family.compression = rocksdb::kLZ4Compression;
  std::vector<rocksdb::ColumnFamilyDescriptor> families{
      {rocksdb::kDefaultColumnFamilyName, family}};
  for (const char* name : kFamilyNames) families.emplace_back(name, family);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto path = (options_.directory / "db").string();
  const auto status = rocksdb::DB::Open(database_options(), path, families, &handles, &db);
  if (!status.ok()) return fail(error_of(status, "open"));
  db_.reset(db);
  db_->DestroyColumnFamilyHandle(handles.front());
  std::copy(handles.begin() + 1, handles.end(), handles_.begin());
  return {};
}

Journal::~Journal() {
  if (!db_) return;
  for (auto* family : handles_) db_->DestroyColumnFamilyHandle(family);
  // Outcomes were written without fsync: with it, a clean end costs no questions at the next start.
  // RocksDB aborts the process when a log it failed to write is to be synced.
  if (options_.sync && !has_failed_) db_->SyncWAL();
  db_->Close();
}

Result<void> Journal::check_owner() {
  const format::JournalRecord ours{.bucket = options_.bucket, .endpoint = options_.endpoint};
  std::string stored;
  auto status = db_->Get({}, handle(Family::meta), rocksdb::Slice(kOwnerKey), &stored);
  if (status.IsNotFound()) {
    rocksdb::WriteBatch batch;
    batch.Put(handle(Family::meta), rocksdb::Slice(kOwnerKey), format::encode(ours));
    return write(batch, /*sync=*/true, "write");
  }
  if (!status.ok()) return fail(error_of(status, "read"));
  format::JournalRecord theirs;
  SHOAL_CHECK_OK(format::decode_into(stored, theirs));
  if (theirs.version > format::kJournalVersion)
    return fail(ErrorCode::unsupported,
                fmt::format("open upload journal {}: it was written by a newer Shoal (version {})",
                            options_.directory.string(), theirs.version),
                "Use that one, or name another --journal.");
  if (theirs.bucket == ours.bucket && theirs.endpoint == ours.endpoint) return {};
  return fail(
      ErrorCode::precondition,
      fmt::format("open upload journal {}: it is of {} at {}, not of {} at {}",
                  options_.directory.string(), theirs.bucket,
                  theirs.endpoint.empty() ? "the default endpoint" : theirs.endpoint, ours.bucket,
                  ours.endpoint.empty() ? "the default endpoint" : ours.endpoint),
      "Name another directory with --journal.");
}

Result<void> Journal::find_next_id() {
  std::string stored;
  const auto status = db_->Get({}, handle(Family::meta), rocksdb::Slice(kIdKey), &stored);
  if (!status.ok() && !status.IsNotFound()) return fail(error_of(status, "read"));
  if (status.ok() && stored.size() != 8)
    return fail(ErrorCode::corrupt,
                "read upload journal " + options_.directory.string() + ": its counter of ids",
                "Move the journal's directory away and send the files again.");
  const std::uint64_t next = status.ok() ? decode_be<std::uint64_t>(stored) : 1;
  next_id_ = next;
  return reserve_ids(next);
}

// Nothing with an id from the end of the run on may become durable before a longer run is.
Result<void> Journal::reserve_ids(std::uint64_t last) {
  if (last < ids_end_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(ids_mutex_);
  if (last < ids_end_) return {};
  const std::uint64_t end = last + kIdRun;
  rocksdb::WriteBatch batch;
  batch.Put(handle(Family::meta), rocksdb::Slice(kIdKey), encode_be(end));
  SHOAL_CHECK_OK(write(batch, /*sync=*/true, "write"));
  ids_end_.store(end, std::memory_order_release);
  return {};
}

// ---- jobs

Result<std::vector<Journal::StoredJob>> Journal::load() const {
  std::vector<StoredJob> jobs;
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, handle(Family::jobs)));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    if (at->key().size() != 8)
      return fail(ErrorCode::corrupt,
                  "read upload journal " + options_.directory.string() + ": a job has no id",
                  "Move the journal's directory away and send the files again.");
    StoredJob job;
    job.id = decode_be<std::uint64_t>(at->key().ToStringView());
    SHOAL_CHECK_OK(format::decode_into(at->value().ToStringView(), job.record));
    std::string stored;
    const auto status = db_->Get({}, handle(Family::multipart), at->key(), &stored);
    if (status.ok()) {
      SHOAL_CHECK_OK(format::decode_into(stored, job.multipart.emplace()));
      SHOAL_CHECK_OK(load_parts(job));
    } else if (!status.IsNotFound()) {
      return fail(error_of(status, "read"));
    }
    jobs.push_back(std::move(job));
  }
  if (!at->status().ok()) return fail(error_of(at->status(), "read"));
  return jobs;
}

Result<void> Journal::load_parts(StoredJob& job) const {
  const std::string first = part_key(job.id, 0);
  const std::string behind = part_key(job.id + 1, 0);
  const rocksdb::Slice bound(behind);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options, handle(Family::parts)));
  for (at->Seek(first); at->Valid(); at->Next()) {
    if (at->key().size() != 12) continue;
    const auto number = decode_be<std::uint32_t>(at->key().ToStringView().substr(8));
    if (number == 0 || number > format::kPartsMax)
      return fail(ErrorCode::corrupt, "read upload journal: part number out of range",
                  "Move the journal's directory away and send the files again.");
    format::PartRecord part;
    SHOAL_CHECK_OK(format::decode_into(at->value().ToStringView(), part));
    job.parts.emplace_back(number, std::move(part));
  }
  if (!at->status().ok()) return fail(error_of(at->status(), "read"));
  return {};
}

Result<void> Journal::accept(std::span<const NewJob> jobs) {
  rocksdb::WriteBatch batch;
  for (const NewJob& job : jobs) {
    SHOAL_CHECK_OK(reserve_ids(job.id));
    batch.Put(handle(Family::jobs), id_key(job.id), format::encode(*job.record));
    if (job.record->body == format::UploadJobRecord::Body::in_journal)
      batch.Put(handle(Family::bodies), id_key(job.id), slice(job.body));
  }
  return write(batch, /*sync=*/true, "write to");
}

Result<std::string> Journal::body(std::uint64_t id) const {
  std::string bytes;
  const auto status = db_->Get({}, handle(Family::bodies), id_key(id), &bytes);
  if (!status.ok()) return fail(error_of(status, "read a body from"));
  return bytes;
}

Result<void> Journal::update(std::uint64_t id, const format::UploadJobRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(handle(Family::jobs), id_key(id), format::encode(record));
  return write(batch, /*sync=*/true, "write to");
}

Result<void> Journal::set_multipart(std::uint64_t id, const format::MultipartRecord& record) {
  rocksdb::WriteBatch batch;
  batch.DeleteRange(handle(Family::parts), part_key(id, 0), part_key(id + 1, 0));
  batch.Put(handle(Family::multipart), id_key(id), format::encode(record));
  return write(batch, /*sync=*/true, "write to");
}

Result<void> Journal::forget_multipart(std::uint64_t id) {
  rocksdb::WriteBatch batch;
  batch.DeleteRange(handle(Family::parts), part_key(id, 0), part_key(id + 1, 0));
  batch.Delete(handle(Family::multipart), id_key(id));
  return write(batch, /*sync=*/false, "write to");
}

Result<void> Journal::add_part(std::uint64_t id, std::uint32_t number,
                               const format::PartRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(handle(Family::parts), part_key(id, number), format::encode(record));
  return write(batch, /*sync=*/false, "write to");
}

Result<void> Journal::end(std::span<const Ending> endings) {
  rocksdb::WriteBatch batch;
  for (const Ending& ending : endings) {
    const std::string key = id_key(ending.id);
    batch.Delete(handle(Family::jobs), key);
    batch.Delete(handle(Family::bodies), key);
    // A range costs every later read of the parts; most jobs have none.
    rocksdb::PinnableSlice multipart;
    if (!db_->Get({}, handle(Family::multipart), key, &multipart).IsNotFound()) {
      batch.Delete(handle(Family::multipart), key);
      batch.DeleteRange(handle(Family::parts), part_key(ending.id, 0), part_key(ending.id + 1, 0));
    }
    if (!ending.sent_key.empty())
      batch.Put(handle(Family::sent), ending.sent_key, format::encode(ending.sent));
  }
  return write(batch, /*sync=*/false, "write to");
}

// ---- what was sent

Result<std::optional<format::SentRecord>> Journal::last_sent(std::string_view key) const {
  std::string stored;
  const auto status = db_->Get({}, handle(Family::sent), rocksdb::Slice(key), &stored);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return fail(error_of(status, "read"));
  format::SentRecord record;
  SHOAL_CHECK_OK(format::decode_into(stored, record));
  return record;
}

Result<void> Journal::forget_sent() {
  rocksdb::WriteBatch batch;
  // Keys are at most 1024 bytes of a text that no key can reach.
  batch.DeleteRange(handle(Family::sent), rocksdb::Slice(), std::string(1025, '\xff'));
  return write(batch, /*sync=*/false, "write to");
}

}  // namespace shoal::upload
