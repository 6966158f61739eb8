// SPDX-License-Identifier: Apache-2.0
#include "upload/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>
#include <system_error>

#include "base/assert.h"
#include "store/paging.h"
#include "sys/file_identity.h"

namespace shoal::upload {
namespace {

using format::UploadJobRecord;

// Smaller bodies ride in the journal's own log: one fsync accepts them.
constexpr std::uint64_t kBodyInJournalMax = 64u << 10;
constexpr std::uint32_t kPartsInFlightMax = 32;  // of one upload; 256 MiB of the usual size
// Bodies being read and hashed while others are on the wire.
constexpr std::uint32_t kBodiesAhead = 32;
// Longer means for ever, and could not be counted in nanoseconds.
constexpr std::chrono::seconds kRetryForMax = std::chrono::years(10);

AttemptSettings settings_of(const UploaderOptions& options, const store::Location& location) {
  const std::uint64_t parts = std::max<std::uint64_t>(
      1, options.memory_bytes_max / std::max<std::uint64_t>(1, options.part_bytes));
  return {.part_bytes = options.part_bytes,
          .single_put_bytes_max = std::min(options.single_put_bytes_max, options.memory_bytes_max),
          .memory_bytes_max = options.memory_bytes_max,
          .parts_in_flight_max = static_cast<std::uint32_t>(
              std::min<std::uint64_t>({kPartsInFlightMax, parts, options.requests_in_flight_max})),
          .has_crc64 = location.scheme == store::Scheme::oss};
}

Result<void> check_options(const PutOptions& options) {
  if (options.no_clobber && !options.if_match.empty())
    return fail(ErrorCode::bad_input,
                "put: no_clobber and if_match exclude each other: one wants the key to be free, "
                "the other to be taken",
                "Give one of them.");
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 127; };
  if (std::ranges::any_of(options.content_type, is_control) ||
      std::ranges::any_of(options.if_match, is_control))
    return fail(ErrorCode::bad_input, "put: the content type or ETag has control characters",
                "Give them as one line of text.");
  return {};
}

std::uint64_t bytes_of_parts(const Job& job) {
  std::uint64_t bytes = 0;
  for (const auto& [number, part] : job.parts) {
    const std::uint64_t offset = (number - 1) * job.multipart->part_bytes;
    const std::uint64_t size = job.multipart->identity.size;
    if (offset < size) bytes += std::min(job.multipart->part_bytes, size - offset);
  }
  return bytes;
}

UploadJobRecord record_of(std::string key, const PutOptions& options) {
  return {.kind = UploadJobRecord::Kind::put,
          .key = std::move(key),
          .if_absent = options.no_clobber,
          .if_match = options.if_match,
          .content_type = options.content_type};
}

}  // namespace

// ---- making

Engine::Engine(const store::Location& location, const UploaderOptions& options,
               std::unique_ptr<Journal> journal, Spool spool, const EngineParts& parts)
    : options_(options),
      location_(location),
      url_(location.to_url()),
      parts_(parts),
      journal_(std::move(journal)),
      spool_(std::move(spool)),
      backlog_({.pending_max = options.pending_max,
                .journal_bytes_max = options.journal_bytes_max,
                .timeout = options.accept_timeout},
               [this] { dispatcher_.wake(); }),
      budget_(parts.loop, options.memory_bytes_max, options.requests_in_flight_max + kBodiesAhead),
      reader_(parts.loop, parts.workers, parts.worker_threads,
              location.scheme == store::Scheme::oss),
      finisher_({.workers = parts.workers,
                 .journal = *journal_,
                 .spool = spool_,
                 .backlog = backlog_,
                 .counters = counters_,
                 .remember_sent = options.remember_sent,
                 .on_event = options.on_event}),
      attempt_parts_{.executor = parts.loop,
                     .workers = parts.workers,
                     .store = parts.store,
                     .reader = reader_,
                     .budget = budget_,
                     .journal = *journal_,
                     .spool = spool_,
                     .backlog = backlog_,
                     .counters = counters_,
                     .gate = gate_,
                     .confirmed_at = confirmed_at_,
                     .settings = settings_of(options, location)},
      dispatcher_(attempt_parts_, finisher_,
                  {.jobs_running_max = options.requests_in_flight_max + kBodiesAhead,
                   .retry_for = std::min(options.retry_for, kRetryForMax),
                   .jitter_seed = std::random_device{}(),
                   .is_paused = options.start_paused}) {}

Result<std::unique_ptr<Engine>> Engine::create(const store::Location& location,
                                               const UploaderOptions& options,
                                               std::unique_ptr<Journal> journal,
                                               const EngineParts& parts) {
  SHOAL_TRY(auto spool, Spool::open(journal->directory() / "spool",
                                    options.durability == Durability::power_loss));
  std::unique_ptr<Engine> engine(
      new Engine(location, options, std::move(journal), std::move(spool), parts));
  SHOAL_CHECK_OK(engine->recover());
  return engine;
}

Result<void> Engine::recover() {
  SHOAL_TRY(auto stored, journal_->load());
  std::set<std::uint64_t> spooled;
  for (Journal::StoredJob& one : stored) {
    if (one.record.body == UploadJobRecord::Body::spooled) spooled.insert(one.id);
    auto job = std::make_shared<Job>(one.id, std::move(one.record), /*recovered=*/true);
    job->multipart = std::move(one.multipart);
    job->parts.insert(one.parts.begin(), one.parts.end());
    job->has_had_parts = !job->parts.empty();
    job->bytes_sent = bytes_of_parts(*job);
    job->has_recovered_parts = !job->parts.empty();
    // It may have been sent by the process that died before it could note it.
    job->may_be_there = true;
    backlog_.recover(job);
  }
  counters_.recovered = stored.size();
  spool_.keep_only([&](std::uint64_t id) { return spooled.contains(id); });
  return {};
}

void Engine::start() {
  dispatcher_.start();
}

void Engine::close(Task closed) {
  dispatcher_.close();
  budget_.close();
  gate_.is_closing = true;
  if (gate_.live == 0)
    parts_.loop.post(std::move(closed));
  else
    gate_.on_idle = std::move(closed);
  parts_.store.cancel_all();
  backlog_.close(Error(ErrorCode::closed, "upload: the uploader was closed first",
                       "The work stays in the journal " + journal_->directory().string() +
                           " and goes on when that is opened again."));
}

// ---- accepting

Result<std::string> Engine::whole_key(std::string_view key) const {
  std::string whole = location_.prefix + std::string(key);
  if (key.empty())
    return fail(ErrorCode::bad_input, "upload to " + url_ + ": the key is empty",
                "Name the object.");
  SHOAL_CHECK_OK(store::check_key(url_, whole));
  return whole;
}

Result<UploadJobRecord> Engine::record_of_file(const FileToPut& file) const {
  SHOAL_TRY(auto key, whole_key(file.key));
  SHOAL_CHECK_OK(check_options(file.options));
  std::error_code status;
  const auto path = std::filesystem::absolute(file.file, status);
  if (status)
    return fail(ErrorCode::io,
                "find the directory of " + file.file.string() + ": " + status.message());
  auto opened = sys::open_regular(path);
  if (!opened) return fail(std::move(opened).error().with_context("put " + key));
  SHOAL_TRY(const auto identity, sys::identity_of(*opened));
  UploadJobRecord record = record_of(std::move(key), file.options);
  record.body = file.options.copy ? UploadJobRecord::Body::spooled : UploadJobRecord::Body::file;
  record.file = path.native();
  record.size = identity.size;
  return record;
}

Result<Upload> Engine::put_object(std::string_view key, std::span<const std::byte> bytes,
                                  const PutOptions& options) {
  SHOAL_TRY(auto whole, whole_key(key));
  SHOAL_CHECK_OK(check_options(options));
  return accept_bytes(record_of(std::move(whole), options), bytes);
}

Result<Upload> Engine::append_object(std::string_view key, std::optional<std::uint64_t> position,
                                     std::span<const std::byte> bytes) {
  SHOAL_TRY(auto whole, whole_key(key));
  return accept_bytes(
      {.kind = UploadJobRecord::Kind::append, .key = std::move(whole), .position = position},
      bytes);
}

Result<Upload> Engine::remove_object(std::string_view key) {
  SHOAL_TRY(auto whole, whole_key(key));
  SHOAL_CHECK_OK(backlog_.reserve(1, 0));
  return accept_one(journal_->next_id(),
                    {.kind = UploadJobRecord::Kind::remove, .key = std::move(whole)}, {});
}

Result<Upload> Engine::put_object_from_file(std::string_view key, const std::filesystem::path& file,
                                            const PutOptions& options) {
  const FileToPut one{.key = std::string(key), .file = file, .options = options};
  SHOAL_TRY(auto uploads, put_objects_from_files({&one, 1}));
  return std::move(uploads.front());
}

Result<std::vector<Upload>> Engine::put_objects_from_files(std::span<const FileToPut> files) {
  std::vector<UploadJobRecord> records;
  records.reserve(files.size());
  for (const FileToPut& file : files) {
    SHOAL_TRY(auto record, record_of_file(file));
    records.push_back(std::move(record));
  }
  if (records.size() == 1 && records.front().body == UploadJobRecord::Body::spooled) {
    SHOAL_TRY(auto upload, accept_copy(std::move(records.front())));
    return std::vector<Upload>{std::move(upload)};
  }
  return accept_records(std::move(records));
}

Result<Upload> Engine::accept_bytes(UploadJobRecord record, std::span<const std::byte> bytes) {
  record.size = bytes.size();
  const bool is_small = bytes.size() <= kBodyInJournalMax;
  record.body = is_small ? UploadJobRecord::Body::in_journal : UploadJobRecord::Body::spooled;
  SHOAL_CHECK_OK(backlog_.reserve(1, record.size));
  const std::uint64_t id = journal_->next_id();
  if (!is_small) {
    if (auto written = spool_.write(id, bytes); !written) {
      spool_.remove(id);
      backlog_.release(1, record.size);
      return fail(std::move(written).error().with_context("keep the bytes of " + record.key));
    }
  }
  return accept_one(id, std::move(record), bytes);
}

Result<Upload> Engine::accept_copy(UploadJobRecord record) {
  const std::uint64_t expected = record.size;
  SHOAL_CHECK_OK(backlog_.reserve(1, expected));
  const std::uint64_t id = journal_->next_id();
  auto size = spool_.copy(id, record.file);
  // A file that grew meanwhile needs room for the rest; the copy is on the disk already.
  Result<void> room;
  if (size && *size != expected) {
    backlog_.release(1, expected);
    room = backlog_.reserve(1, *size);
  }
  if (size && room) {
    record.size = *size;
    return accept_one(id, std::move(record), {});
  }
  spool_.remove(id);
  if (!room) return fail(std::move(room).error());
  backlog_.release(1, expected);
  return fail(std::move(size).error());
}

// Precondition: the job's place is reserved, its body spooled.
Result<Upload> Engine::accept_one(std::uint64_t id, UploadJobRecord record, ByteSpan body) {
  const auto job = std::make_shared<Job>(id, std::move(record), /*recovered=*/false);
  Upload upload = job->upload;
  backlog_.add(job);
  const Journal::NewJob entry{.id = id, .record = &job->record, .body = body};
  if (auto written = journal_->accept({&entry, 1}); !written) {
    if (job->record.body == UploadJobRecord::Body::spooled) spool_.remove(id);
    backlog_.withdraw(job);
    return fail(std::move(written).error());
  }
  counters_.accepted += 1;
  backlog_.commit(job);
  return upload;
}

Result<std::vector<Upload>> Engine::accept_records(std::vector<UploadJobRecord> records) {
  std::vector<Upload> uploads(records.size());
  std::vector<JobPtr> jobs;
  std::vector<Journal::NewJob> entries;
  for (std::size_t i = 0; i < records.size(); ++i) {
    // Copies have a path of their own, one at a time; nothing of this call is accepted yet.
    if (records[i].body == UploadJobRecord::Body::spooled)
      return fail(ErrorCode::bad_input, "put many files: `copy` is for single files",
                  "Call put_object_from_file for each of them.");
    if (auto joined = backlog_.join(records[i])) uploads[i] = std::move(*joined);
  }
  const auto is_new = [](const Upload& upload) { return !upload.valid(); };
  const auto count = static_cast<std::uint64_t>(std::ranges::count_if(uploads, is_new));
  SHOAL_CHECK_OK(backlog_.reserve(count, 0));
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!is_new(uploads[i])) continue;
    jobs.push_back(std::make_shared<Job>(journal_->next_id(), std::move(records[i]), false));
    uploads[i] = jobs.back()->upload;
    entries.push_back({.id = jobs.back()->id, .record = &jobs.back()->record});
    backlog_.add(jobs.back());
  }
  if (auto written = journal_->accept(entries); !written) {
    for (const JobPtr& job : jobs) backlog_.withdraw(job);
    return fail(std::move(written).error());
  }
  counters_.accepted += jobs.size();
  for (const JobPtr& job : jobs) backlog_.commit(job);
  return uploads;
}

// ---- the rest

Result<void> Engine::flush(std::chrono::milliseconds timeout) {
  return backlog_.wait_settled(timeout);
}

void Engine::resume() {
  parts_.loop.post([this] { dispatcher_.resume(); });
}

Result<void> Engine::discard(std::uint64_t id) {
  bool runs = false;
  const JobPtr job = backlog_.discard(id, runs);
  if (!job)
    return fail(ErrorCode::not_found, fmt::format("discard upload {}: there is none", id),
                "It may have ended: see `shoal uploads`.");
  if (!runs) parts_.loop.post([this, job] { dispatcher_.discard(job); });
  return {};
}

std::vector<Uploader::Pending> Engine::pending() const {
  return backlog_.pending();
}

UploaderStats Engine::stats() const {
  const Backlog::Counts counts = backlog_.counts();
  return {.accepted = counters_.accepted,
          .recovered = counters_.recovered,
          .pending = counts.pending,
          .pending_bytes = counts.pending_bytes,
          .waiting = counts.waiting,
          .sent = counters_.sent,
          .sent_bytes = counters_.sent_bytes,
          .found_there = counters_.found_there,
          .refused = counters_.refused,
          .wire_bytes = counters_.wire_bytes,
          .requests = counters_.requests,
          .parts_resumed = counters_.parts_resumed,
          .changed_files = counters_.changed_files,
          .retries = counters_.retries,
          .throttled = parts_.governor == nullptr ? 0 : parts_.governor->stats().throttled,
          .memory_bytes = budget_.bytes_used(),
          .journal_bytes = counts.journal_bytes,
          .oldest_pending_seconds =
              counts.oldest
                  ? std::chrono::duration<double>(system_clock().now() - *counts.oldest).count()
                  : 0};
}

std::optional<SentFile> Engine::last_sent(std::string_view key) const {
  auto found = journal_->last_sent(location_.prefix + std::string(key));
  // A record that cannot be read is as good as none: the file is compared, or sent again.
  if (!found || !*found) return std::nullopt;
  const format::SentRecord& record = **found;
  return SentFile{.file = record.file,
                  .size = record.identity.size,
                  .mtime_ns = record.identity.mtime_ns,
                  .ctime_ns = record.identity.ctime_ns,
                  .inode = record.identity.inode,
                  .etag = record.etag};
}

Result<void> Engine::forget_sent() {
  return journal_->forget_sent();
}

}  // namespace shoal::upload
