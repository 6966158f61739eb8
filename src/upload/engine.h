// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/executor.h"
#include "shoal/uploader.h"
#include "store/governor.h"
#include "store/object_store.h"
#include "store/open.h"
#include "upload/attempt.h"
#include "upload/backlog.h"
#include "upload/body_reader.h"
#include "upload/budget.h"
#include "upload/dispatcher.h"
#include "upload/finisher.h"
#include "upload/journal.h"
#include "upload/spool.h"

namespace shoal::upload {

// Where an engine runs. All of it outlives the engine; `loop` and `workers` end their tasks, or
// drop them, before the engine goes.
struct EngineParts {
  LoopExecutor& loop;
  store::ObjectStore& store;  // confined to `loop`
  Executor& workers;
  unsigned worker_threads = 1;
  store::Governor* governor = nullptr;  // for stats(); may be null
};

// The uploader without its threads: accepts work (journal, spool, backlog) and composes what does
// it. open_uploader() gives it threads and a bucket; tests give it a simulated clock and a store
// that fails.
class Engine final : public Uploader {
 public:
  // Loads what the journal holds; nothing runs before start().
  [[nodiscard]] static Result<std::unique_ptr<Engine>> create(const store::Location& location,
                                                              const UploaderOptions& options,
                                                              std::unique_ptr<Journal> journal,
                                                              const EngineParts& parts);
  ~Engine() override = default;
  // On the loop's thread, or before it runs.
  void start();
  // On the loop's thread: nothing begins any more, whoever waits for the uploader gets `closed`,
  // the store's calls are given up. `closed` runs once none of them needs the uploader's memory.
  void close(Task closed);

  Result<Upload> put_object(std::string_view key, std::span<const std::byte> bytes,
                            const PutOptions& options) override;
  Result<Upload> put_object_from_file(std::string_view key, const std::filesystem::path& file,
                                      const PutOptions& options) override;
  Result<std::vector<Upload>> put_objects_from_files(std::span<const FileToPut> files) override;
  Result<Upload> append_object(std::string_view key, std::optional<std::uint64_t> position,
                               std::span<const std::byte> bytes) override;
  Result<Upload> remove_object(std::string_view key) override;
  Result<void> flush(std::chrono::milliseconds timeout) override;
  void resume() override;
  Result<void> discard(std::uint64_t id) override;
  std::vector<Pending> pending() const override;
  UploaderStats stats() const override;
  std::optional<SentFile> last_sent(std::string_view key) const override;
  Result<void> forget_sent() override;
  const std::string& url() const override { return url_; }
  const std::filesystem::path& journal() const override { return journal_->directory(); }

 private:
  Engine(const store::Location& location, const UploaderOptions& options,
         std::unique_ptr<Journal> journal, Spool spool, const EngineParts& parts);
  Result<void> recover();
  [[nodiscard]] Result<std::string> whole_key(std::string_view key) const;
  [[nodiscard]] Result<format::UploadJobRecord> record_of_file(const FileToPut& file) const;
  Result<Upload> accept_bytes(format::UploadJobRecord record, std::span<const std::byte> bytes);
  Result<Upload> accept_copy(format::UploadJobRecord record);
  Result<std::vector<Upload>> accept_records(std::vector<format::UploadJobRecord> records);
  Result<Upload> accept_one(std::uint64_t id, format::UploadJobRecord record, ByteSpan body);

  const UploaderOptions options_;
  const store::Location location_;
  const std::string url_;
  const EngineParts parts_;
  Counters counters_;
  AttemptGate gate_;
  TimePoint confirmed_at_{};
  const std::unique_ptr<Journal> journal_;
  const Spool spool_;
  Backlog backlog_;
  Budget budget_;
  BodyReader reader_;
  Finisher finisher_;
  const AttemptParts attempt_parts_;
  Dispatcher dispatcher_;
};

}  // namespace shoal::upload
