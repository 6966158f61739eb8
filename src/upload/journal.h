// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "format/upload_records.h"
#include "sys/file.h"

namespace shoal::upload {

// The durable list of accepted work: a RocksDB in a directory of its own, with a lock that names
// its owner. A job is there from the moment it is accepted until it has its outcome, with
// everything needed to go on after a crash: its bytes when they are few (the spool has the others),
// its upload id, the parts the service has.
//
// What must survive a crash of the machine is written with fsync when `sync` is on: jobs, append
// positions, upload ids. Parts and outcomes are not: what is lost of them is found out from the
// service, at the price of a request.
//
// Thread model: synchronized; every call may block on the disk.
class Journal {
 public:
  struct Options {
    std::filesystem::path directory;
    std::string bucket;  // "s3://bucket": a journal belongs to one bucket of one endpoint
    std::string endpoint{};
    bool sync = true;
  };
  // Made when it is missing. precondition: another process has it, or it is of another bucket.
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(const Options& options);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  [[nodiscard]] const std::filesystem::path& directory() const { return options_.directory; }

  struct StoredJob {
    std::uint64_t id = 0;
    format::UploadJobRecord record;
    std::optional<format::MultipartRecord> multipart{};
    std::vector<std::pair<std::uint32_t, format::PartRecord>> parts{};  // ascending numbers
  };
  // Everything without outcome, in the order of acceptance.
  [[nodiscard]] Result<std::vector<StoredJob>> load() const;

  // Ids grow; one that was accepted is not used again.
  [[nodiscard]] std::uint64_t next_id() { return next_id_.fetch_add(1, std::memory_order_relaxed); }

  struct NewJob {
    std::uint64_t id = 0;
    const format::UploadJobRecord* record = nullptr;
    ByteSpan body{};  // Body::in_journal
  };
  // All or none, durable when it returns.
  [[nodiscard]] Result<void> accept(std::span<const NewJob> jobs);
  [[nodiscard]] Result<std::string> body(std::uint64_t id) const;
  // Replaces a job's record (an append whose position is known).
  [[nodiscard]] Result<void> update(std::uint64_t id, const format::UploadJobRecord& record);

  // Also forgets the parts of an upload before.
  [[nodiscard]] Result<void> set_multipart(std::uint64_t id, const format::MultipartRecord& record);
  [[nodiscard]] Result<void> forget_multipart(std::uint64_t id);
  [[nodiscard]] Result<void> add_part(std::uint64_t id, std::uint32_t number,
                                      const format::PartRecord& record);

  struct Ending {
    std::uint64_t id = 0;
    bool had_parts = false;
    std::string sent_key{};  // empty: nothing to remember
    format::SentRecord sent{};
  };
  // `durable`: with fsync, for what must not come back, as their bodies are going to be deleted.
  [[nodiscard]] Result<void> end(std::span<const Ending> endings, bool durable = false);

  [[nodiscard]] Result<std::optional<format::SentRecord>> last_sent(std::string_view key) const;
  [[nodiscard]] Result<void> forget_sent();

 private:
  Journal(Options options, sys::LockFile lock)
      : options_(std::move(options)), lock_(std::move(lock)) {}
  Result<void> open_database();
  Result<void> check_owner();
  Result<void> find_next_id();
  [[nodiscard]] Result<void> write(rocksdb::WriteBatch& batch, bool sync, const char* doing);
  [[nodiscard]] Error error_of(const rocksdb::Status& status, std::string_view doing) const;
  [[nodiscard]] Result<void> load_parts(StoredJob& job) const;

  Options options_;
  sys::LockFile lock_;
  std::unique_ptr<rocksdb::DB> db_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<bool> has_failed_{false};  // the last write has
};

}  // namespace shoal::upload
