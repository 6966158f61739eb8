// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "shoal/uploader.h"
#include "sys/inotify.h"
#include "upload/candidates.h"
#include "upload/comparer.h"
#include "upload/feeder.h"
#include "upload/sync.h"
#include "upload/watched_tree.h"

namespace shoal::upload {

// Sends every file of a directory once it is whole, and again whenever it has changed.
//
// Three threads: the caller's, in run(), reads events, knows every file that is to be sent and
// deletes what was sent; the feeder gives files to the uploader and may be made to wait by it; the
// comparer finds what happened while nobody looked, by comparing the directory with the bucket: at
// the start, and when events were lost. The uploader's threads bring outcomes. All of them leave
// what they have to say in an inbox of the caller's thread.
//
// A file is whole when nobody has had a hand in it for `settle` and nobody has it open for writing.
// The second is known from a lease where there are any (sys/file_status.h), and from the order of
// events elsewhere. A file that is written to while it is with the uploader is taken back.
//
// What a crash leaves is in the uploader's journal or found by the next comparison: there is no
// state of the watcher's own.

struct WatchOptions {
  SyncOptions sync{};
  Duration settle = std::chrono::seconds(1);
  bool delete_after = false;  // local files go once the bucket has them
  bool once = false;          // ends when all that was there has been sent
  Duration rescan_interval = std::chrono::seconds(30);  // of directories without a watch
  Duration stop_timeout = std::chrono::seconds(30);
};

struct WatchEvent {
  enum class Kind : std::uint8_t {
    ready,  // everything is watched and the first comparison is over
    sent,
    deleted,    // the local file, after it was sent
    kept,       // it was to be deleted and was not: `text` says why
    changed,    // the file changed while it was sent; it is sent again
    delayed,    // a try failed, others follow; once per reason
    refused,    // final
    held_open,  // somebody has had the file open for writing for a long time
    skipped,    // `text` says why
    unwatched,  // a directory that is scanned from time to time instead
    compared,   // after lost events, with the bucket
    lost_events,
    trouble,  // nothing goes on, for the reason in `error`; it is tried again
  };
  Kind kind = Kind::sent;
  std::string key{};
  std::uint64_t bytes = 0;
  const Error* error = nullptr;  // during the call
  std::string text{};
};
[[nodiscard]] std::string_view name_of(WatchEvent::Kind kind);

struct WatchSummary {
  std::uint64_t sent = 0, sent_bytes = 0;
  std::uint64_t deleted = 0;
  std::uint64_t refused = 0;
  std::uint64_t skipped_errors = 0;  // of the last comparison
  std::uint64_t overflows = 0;
  std::uint64_t left = 0;  // files that are not sent yet: in the journal, or found again next time
};

// For whoever looks from outside while it runs.
struct WatchStats {
  bool is_ready = false;           // the first comparison is over
  std::uint64_t files_unsent = 0;  // known and without outcome: being written, settling, pending
  std::uint64_t lost_events = 0;
  std::uint64_t deleted = 0;
  std::uint64_t refused = 0;
};

class Watcher {
 public:
  using OnEvent = std::function<void(const WatchEvent&)>;
  // `list` and `watches` are borrowed. on_event runs in run().
  Watcher(const WatchOptions& options, const ListPages& list, sys::DirectoryWatches& watches,
          OnEvent on_event);

  // UploaderOptions::on_event: made before the uploader, which may speak before run().
  // synchronized.
  void on_upload_event(const UploadEvent& event);

  // Watches until `stop` is set (or the first pass is over, with `once`), then sends what is
  // accepted, at most stop_timeout. Fails when the directory cannot be watched or has gone, or the
  // bucket is not there at the start. The uploader may have been opened paused: better, for then
  // nothing of an earlier process is sent before it is known whether somebody writes to it again.
  [[nodiscard]] Result<WatchSummary> run(Uploader& uploader, const std::atomic<bool>& stop);

  // As of the last turn of run(). synchronized.
  [[nodiscard]] WatchStats stats() const;

 private:
  struct Outcome {
    UploadEvent::Kind kind = UploadEvent::Kind::sent;
    std::string key;
    std::uint64_t bytes = 0;
    std::optional<Error> error{};
  };
  // From other threads.
  struct Inbox {
    std::vector<Outcome> outcomes{};
    std::vector<SyncStep> found{};  // to be sent, or there already
    std::vector<std::pair<std::string, Error>> refusals{};
    std::vector<SkippedFile> skipped{};
    std::vector<Error> troubles{};
    std::vector<Result<SyncCounts>> compared{};
  };

  [[nodiscard]] std::optional<std::string> key_of(const std::filesystem::path& file) const;
  void take_back_half_written();
  Result<void> loop(const std::atomic<bool>& stop);
  void publish();
  void wind_down();
  [[nodiscard]] Duration wait_max(TimePoint now) const;
  [[nodiscard]] bool is_done() const;

  Result<void> on_tree(const TreeEvent& event, TimePoint now);
  Result<void> after_lost_events();
  void drop(const std::string& key);
  void check(const std::string& key, TimePoint now);
  [[nodiscard]] std::optional<LocalFile> look_at(const std::string& key);
  void tell_skipped(const SkippedFile& skipped);
  [[nodiscard]] bool is_half_written(const std::string& key) const;
  [[nodiscard]] bool is_sent(const LocalFile& file) const;

  Result<void> read_inbox(TimePoint now);
  void on_outcome(const Outcome& outcome, TimePoint now);
  void on_sent(const std::string& key, TimePoint now);
  void on_compared(const SyncCounts& counts);
  void delete_sent(const LocalFile& file);
  template <typename Fill>
  void post(Fill fill);
  void tell(WatchEvent event);

  [[nodiscard]] const LocalOptions& local() const { return options_.sync.local; }

  WatchOptions options_;
  const ListPages& list_;
  sys::DirectoryWatches& watches_;
  OnEvent on_event_;

  // Of run().
  Uploader* uploader_ = nullptr;
  WatchedTree tree_;
  Candidates candidates_;
  std::optional<Feeder> feeder_;
  std::optional<Comparer> comparer_;
  std::unordered_map<std::string, std::string> delays_;  // last reason told, of files under way
  TimePoint next_scan_{};
  bool is_ready_ = false;
  WatchSummary summary_;

  mutable std::mutex mutex_;
  Inbox inbox_;       // guarded by mutex_
  WatchStats stats_;  // likewise
};

}  // namespace shoal::upload
