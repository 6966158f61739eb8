// SPDX-License-Identifier: Apache-2.0
#include "upload/journal.h"

#include <fmt/format.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <system_error>

namespace shoal::upload {
namespace {

constexpr std::size_t kMemtableBytes = 16u << 20;    // of one family; bodies are up to 64 KiB each
constexpr std::uint64_t kWalBytesMax = 64ull << 20;  // replayed at the next open
constexpr std::uint64_t kFreeBytesMin = 4ull << 20;  // RocksDB's first files must find room
constexpr std::string_view kOwnerKey = "owner";
constexpr std::string_view kIdKey = "ids";

// Kinds of records, each a range of keys. Column families would cost a dozen fsyncs to make, which
// is most of what sending one file takes on a slow disk.
enum Kind : char {
  kMeta = 'a',
  kJob = 'j',
  kBody = 'b',
  kMultipart = 'm',
  kPart = 'p',
  kSent = 's',
};
constexpr std::size_t kIdBytes = 8;

std::string key_of(Kind kind, std::string_view name) {
  return std::string(1, kind).append(name);
}
std::string key_of(Kind kind, std::uint64_t id) {
  return key_of(kind, encode_be(id));
}
std::string part_key(std::uint64_t id, std::uint32_t number) {
  return key_of(kPart, encode_be(id) + encode_be(number));
}
// The first key behind all of a kind.
std::string end_of(Kind kind) {
  return std::string(1, static_cast<char>(kind + 1));
}
rocksdb::Slice slice(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// RocksDB makes its files durable, and not the directories above them, without which a power loss
// takes all of it.
Result<void> make_directory(const std::filesystem::path& directory, bool sync) {
  std::error_code unknown;
  std::vector<std::filesystem::path> with_news;  // directories that get a new entry
  for (auto at = std::filesystem::absolute(directory, unknown);
       !unknown && !std::filesystem::exists(at, unknown) && at.has_relative_path();
       at = at.parent_path())
    with_news.push_back(at.parent_path());
  SHOAL_CHECK_OK(sys::make_directories(directory / "db"));
  if (!sync) return {};
  SHOAL_CHECK_OK(sys::sync_directory(directory));
  for (const auto& parent : with_news) SHOAL_CHECK_OK(sys::sync_directory(parent));
  return {};
}

rocksdb::Options database_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  // What is in the log need not become a table before the journal opens.
  options.avoid_flush_during_recovery = true;
  options.write_buffer_size = kMemtableBytes;
  options.max_write_buffer_number = 2;
  options.compression = rocksdb::kLZ4Compression;
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
  rocksdb::Status status = db_->Write(options, &batch);
  // After a full disk RocksDB takes no more writes until it is told that there may be room again.
  if (!status.ok() && db_->Resume().ok()) status = db_->Write(options, &batch);
  has_failed_ = !status.ok();
  if (!status.ok()) return fail(error_of(status, doing));
  return {};
}

// ---- opening

Result<std::unique_ptr<Journal>> Journal::open(const Options& options) {
  SHOAL_CHECK_OK(make_directory(options.directory, options.sync));
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
  rocksdb::DB* db = nullptr;
  const auto path = (options_.directory / "db").string();
  const auto status = rocksdb::DB::Open(database_options(), path, &db);
  if (!status.ok()) return fail(error_of(status, "open"));
  db_.reset(db);
  return {};
}

Journal::~Journal() {
  if (!db_) return;
  // Outcomes were written without fsync: with it, a clean end costs no questions at the next start.
  // RocksDB aborts the process when a log it failed to write is to be synced.
  if (options_.sync && !has_failed_) db_->SyncWAL();
  db_->Close();
}

Result<void> Journal::check_owner() {
  const format::JournalRecord ours{.bucket = options_.bucket, .endpoint = options_.endpoint};
  std::string stored;
  auto status = db_->Get({}, key_of(kMeta, kOwnerKey), &stored);
  if (status.IsNotFound()) {
    rocksdb::WriteBatch batch;
    batch.Put(key_of(kMeta, kOwnerKey), format::encode(ours));
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
  const auto status = db_->Get({}, key_of(kMeta, kIdKey), &stored);
  if (!status.ok() && !status.IsNotFound()) return fail(error_of(status, "read"));
  if (status.ok() && stored.size() != kIdBytes)
    return fail(ErrorCode::corrupt,
                "read upload journal " + options_.directory.string() + ": its counter of ids",
                "Move the journal's directory away and send the files again.");
  std::uint64_t next = status.ok() ? decode_be<std::uint64_t>(stored) : 1;
  // Of two that are accepted at once, the later write may have the smaller counter.
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}));
  at->SeekForPrev(end_of(kJob));
  if (at->Valid() && at->key()[0] == kJob && at->key().size() == 1 + kIdBytes)
    next = std::max(next, decode_be<std::uint64_t>(at->key().ToStringView().substr(1)) + 1);
  if (!at->status().ok()) return fail(error_of(at->status(), "read"));
  next_id_ = next;
  return {};
}

// ---- jobs

Result<std::vector<Journal::StoredJob>> Journal::load() const {
  std::vector<StoredJob> jobs;
  const std::string behind = end_of(kJob);
  const rocksdb::Slice bound(behind);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
  for (at->Seek(key_of(kJob, "")); at->Valid(); at->Next()) {
    if (at->key().size() != 1 + kIdBytes)
      return fail(ErrorCode::corrupt,
                  "read upload journal " + options_.directory.string() + ": a job has no id",
                  "Move the journal's directory away and send the files again.");
    StoredJob job;
    job.id = decode_be<std::uint64_t>(at->key().ToStringView().substr(1));
    SHOAL_CHECK_OK(format::decode_into(at->value().ToStringView(), job.record));
    std::string stored;
    const auto status = db_->Get({}, key_of(kMultipart, job.id), &stored);
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
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
  for (at->Seek(first); at->Valid(); at->Next()) {
    if (at->key().size() != 1 + kIdBytes + 4) continue;
    const auto number = decode_be<std::uint32_t>(at->key().ToStringView().substr(1 + kIdBytes));
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
    batch.Put(key_of(kJob, job.id), format::encode(*job.record));
    if (job.record->body == format::UploadJobRecord::Body::in_journal)
      batch.Put(key_of(kBody, job.id), slice(job.body));
  }
  batch.Put(key_of(kMeta, kIdKey), encode_be(next_id_.load()));
  return write(batch, /*sync=*/true, "write to");
}

Result<std::string> Journal::body(std::uint64_t id) const {
  std::string bytes;
  const auto status = db_->Get({}, key_of(kBody, id), &bytes);
  if (!status.ok()) return fail(error_of(status, "read a body from"));
  return bytes;
}

Result<void> Journal::update(std::uint64_t id, const format::UploadJobRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(key_of(kJob, id), format::encode(record));
  return write(batch, /*sync=*/true, "write to");
}

Result<void> Journal::set_multipart(std::uint64_t id, const format::MultipartRecord& record) {
  rocksdb::WriteBatch batch;
  batch.DeleteRange(part_key(id, 0), part_key(id + 1, 0));
  batch.Put(key_of(kMultipart, id), format::encode(record));
  return write(batch, /*sync=*/true, "write to");
}

Result<void> Journal::forget_multipart(std::uint64_t id) {
  rocksdb::WriteBatch batch;
  batch.DeleteRange(part_key(id, 0), part_key(id + 1, 0));
  batch.Delete(key_of(kMultipart, id));
  return write(batch, /*sync=*/false, "write to");
}

Result<void> Journal::add_part(std::uint64_t id, std::uint32_t number,
                               const format::PartRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(part_key(id, number), format::encode(record));
  return write(batch, /*sync=*/false, "write to");
}

Result<void> Journal::end(std::span<const Ending> endings, bool durable) {
  rocksdb::WriteBatch batch;
  for (const Ending& ending : endings) {
    batch.Delete(key_of(kJob, ending.id));
    batch.Delete(key_of(kBody, ending.id));
    batch.Delete(key_of(kMultipart, ending.id));
    if (ending.had_parts) batch.DeleteRange(part_key(ending.id, 0), part_key(ending.id + 1, 0));
    if (!ending.sent_key.empty())
      batch.Put(key_of(kSent, ending.sent_key), format::encode(ending.sent));
  }
  return write(batch, durable, "write to");
}

// ---- what was sent

Result<std::optional<format::SentRecord>> Journal::last_sent(std::string_view key) const {
  std::string stored;
  const auto status = db_->Get({}, key_of(kSent, key), &stored);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return fail(error_of(status, "read"));
  format::SentRecord record;
  SHOAL_CHECK_OK(format::decode_into(stored, record));
  return record;
}

Result<void> Journal::forget_sent() {
  rocksdb::WriteBatch batch;
  batch.DeleteRange(key_of(kSent, ""), end_of(kSent));
  return write(batch, /*sync=*/false, "write to");
}

}  // namespace shoal::upload
