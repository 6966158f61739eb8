// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/activity.h"
#include "shoal/error.h"

// The write side: an SDK that sends objects to a bucket and loses none.
//
//   auto uploader = shoal::open_uploader("s3://models/run-7", {});
//   auto upload = (*uploader)->put_object_from_file("model.ckpt-100", "/tmp/model.ckpt-100");
//   train_on();                                  // the upload goes on meanwhile
//   if (!upload || !upload->get()) ...           // get() waits for the bucket's answer
//   (*uploader)->flush();                        // everything accepted so far has an outcome
//
// Two moments matter. A call that returns a value has *accepted* the work: it is in the journal, a
// directory on the local disk, and survives the death of the process and (Durability::power_loss)
// of the machine. The Upload it returns becomes ready when the work has an *outcome*: the bucket
// has confirmed the object under its checksum, or it has been refused. Work that was accepted and
// has no outcome when the process ends goes on when the journal is opened again; work whose outcome
// was success is not sent again.
//
// What is sent is never a mixture: bytes given to put_object() are copied before it returns; a file
// is read while its inode, size and times stay as they are, and from the start again when they
// change; what is written through a memory mapping moves the times late and may go unnoticed. A
// request that timed out may still reach the service behind a later one of the same key. Work on
// one key happens in the order in which it was accepted, so that the last write
// wins; work on different keys runs in parallel and in any order.
//
// Ownership: arguments are copied or finished with before a call returns; files given by path stay
// the caller's and must stay there until the outcome, unless `copy` was asked for. The Uploader
// owns the journal directory; one process at a time.
//
// Thread model: synchronized. Every call may be made from any thread, and may block while the
// journal is full (see the bounds below). Uploads may be waited for on any thread. The uploader has
// threads of its own and does not survive fork(): open it in the process that uses it.
//
// Errors are values (shoal/error.h); nothing here throws, but for std::bad_alloc.

namespace shoal {

// What the bucket has confirmed.
struct Uploaded {
  std::string key;  // whole, with the URL's prefix
  std::string etag{};
  std::uint64_t bytes = 0;
  std::uint64_t next_position = 0;  // append: size of the object afterwards
  // The bucket had it already: sent by an earlier process that died before it could note it.
  bool was_there = false;
};

// Ready when the work has its outcome. An error of code `precondition` (a condition was not met),
// `not_found` (the file is gone), `bad_input` or `unsupported` is final: the work is off the
// journal. Any other one means that retry_for has passed: the work stays in the journal and is
// tried again when that is opened next. `closed`: the uploader was destroyed first; likewise.
using Upload = std::shared_future<Result<Uploaded>>;

struct PutOptions {
  bool no_clobber = false;     // fails with precondition when the key exists
  std::string if_match{};      // an ETag: fails with precondition when the key has another; S3 only
  std::string content_type{};  // empty: the service's default
  // put_object_from_file: take a copy into the journal first (a reflink where the disk can), so
  // that the file may be changed or deleted as soon as the call has returned.
  bool copy = false;
};

struct FileToPut {
  std::string key;
  std::filesystem::path file;
  PutOptions options{};
};

enum class Durability : std::uint8_t {
  power_loss,     // accepted work is on the disk (fsync)
  process_death,  // accepted work is with the kernel: faster, and lost when the machine dies
};

struct UploadEvent {
  enum class Kind : std::uint8_t {
    sent,     // the bucket has it
    refused,  // final error: off the journal
    waiting,  // retry_for has passed: stays in the journal
    changed,  // the file changed while it was read: sent again
    delayed,  // a try failed and another one follows
  };
  Kind kind = Kind::sent;
  std::uint64_t id = 0;  // of the work, unique in its journal
  std::string key;
  std::filesystem::path file;        // empty: the bytes came from memory
  const Error* error = nullptr;      // refused, waiting, delayed: why; during the call only
  const Uploaded* result = nullptr;  // sent
  bool is_recovered = false;         // accepted by an earlier process
};

struct UploaderOptions {
  // The service, as on the command line; empty: from the environment and profile files.
  std::string endpoint{};
  std::string region{};
  std::string profile{};
  std::filesystem::path credentials_file{};
  std::string addressing = "auto";  // or virtual, path, cname
  std::string signature = "v4";     // or v1 (OSS)
  bool sign_requests = true;

  // Where accepted work is kept. Empty: a directory of this bucket's below $SHOAL_STATE, else
  // /var/lib/shoal for root, else $XDG_STATE_HOME/shoal, else ~/.local/state/shoal. Fails with
  // precondition, naming the owner, while another process has it.
  std::filesystem::path journal{};
  Durability durability = Durability::power_loss;

  // Bounds. A call that would go beyond one blocks until there is room (back-pressure), at most
  // accept_timeout, then fails with ErrorCode::limit.
  std::uint64_t memory_bytes_max = 256ull << 20;  // of bodies being read and sent
  std::uint64_t journal_bytes_max = 4ull << 30;   // of bodies kept on disk; files sent from where
                                                  // they are do not count
  std::uint64_t pending_max = 100'000;            // accepted and without outcome
  std::chrono::milliseconds accept_timeout = std::chrono::hours(1);
  std::uint32_t requests_in_flight_max = 256;  // 1 to 4096; at 20 ms: 12,800 files a second
  double requests_per_second_max = 0;          // 0: no limit
  double bytes_per_second_max = 0;

  std::uint64_t part_bytes =
      8ull << 20;  // of multipart uploads; more for files beyond 10,000 parts
  std::uint64_t single_put_bytes_max = 16ull << 20;  // larger bodies are sent in parts
  // How long work that fails for a passing reason is tried again before it is left waiting in the
  // journal, and how long all work is when nothing at all is confirmed. The last try may take as
  // long again, a minute at most. Zero: for ever.
  std::chrono::seconds retry_for = std::chrono::minutes(10);
  // Remember what was sent of which file, in the journal, for last_sent().
  bool remember_sent = false;
  // Nothing is sent before resume(): for looking at a journal.
  bool start_paused = false;
  // Called for each event on a thread of the uploader, one at a time; must not block for long nor
  // call the uploader.
  std::function<void(const UploadEvent&)> on_event{};
};

struct UploaderStats {
  std::uint64_t accepted = 0;       // by this process
  std::uint64_t recovered = 0;      // found in the journal
  std::uint64_t pending = 0;        // without outcome
  std::uint64_t pending_bytes = 0;  // as far as sizes are known
  std::uint64_t waiting = 0;        // of the pending, those whose retry_for has passed
  std::uint64_t sent = 0;           // with the outcome "sent"
  std::uint64_t sent_bytes = 0;     // of these
  std::uint64_t found_there = 0;    // of these, nothing had to be sent again
  std::uint64_t refused = 0;
  std::uint64_t wire_bytes = 0;     // bodies confirmed by the service, parts included; progress
  std::uint64_t requests = 0;       // that sent a body and were confirmed
  std::uint64_t parts_resumed = 0;  // parts an earlier process had sent
  std::uint64_t changed_files = 0;  // reads begun again because the file changed
  std::uint64_t retries = 0;        // of whole pieces of work; requests are repeated below that
  std::uint64_t throttled = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t journal_bytes = 0;
  double oldest_pending_seconds = 0;  // since it was accepted or recovered; 0: nothing is pending
};

// A local file as it was when it was sent.
struct SentFile {
  std::filesystem::path file;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  std::string etag{};
};

class Uploader {
 public:
  virtual ~Uploader() = default;

  // Keys are relative to the URL's prefix: 1 to 1024 bytes with it. Errors of acceptance:
  // bad_input (key, options), not_found and permission (the file cannot be opened), limit (no room
  // in time, or larger than the bound), no_space and io (the journal's disk), closed.
  [[nodiscard]] virtual Result<Upload> put_object(std::string_view key,
                                                  std::span<const std::byte> bytes,
                                                  const PutOptions& options = {}) = 0;
  // A put of the same file to the same key that has not been read to its end yet stands for this
  // one too: the newest bytes of the file are what is sent.
  [[nodiscard]] virtual Result<Upload> put_object_from_file(std::string_view key,
                                                            const std::filesystem::path& file,
                                                            const PutOptions& options = {}) = 0;
  // The same for many files with one write to the journal. All are accepted, or none.
  [[nodiscard]] virtual Result<std::vector<Upload>> put_objects_from_files(
      std::span<const FileToPut> files) = 0;
  // Appends at `position`, which must be the object's size (precondition otherwise); at its end
  // when there is none. OSS only: elsewhere the outcome is `unsupported`.
  [[nodiscard]] virtual Result<Upload> append_object(std::string_view key,
                                                     std::optional<std::uint64_t> position,
                                                     std::span<const std::byte> bytes) = 0;
  // Deletes the object; a missing one is no error.
  [[nodiscard]] virtual Result<Upload> remove_object(std::string_view key) = 0;

  // Waits until everything accepted before the call has an outcome. Fails with the first error
  // (also one of recovered work) that no flush has returned yet, or with timeout.
  [[nodiscard]] virtual Result<void> flush(
      std::chrono::milliseconds timeout = std::chrono::hours(24)) = 0;

  // After start_paused.
  virtual void resume() = 0;
  // Takes work without outcome off the journal, and parts already sent off the bucket. not_found:
  // no such work, or it has its outcome. Its Upload fails with `canceled`.
  [[nodiscard]] virtual Result<void> discard(std::uint64_t id) = 0;

  struct Pending {
    std::uint64_t id = 0;
    std::string key;
    std::filesystem::path file;  // empty: from memory
    std::uint64_t bytes = 0;
    std::uint64_t bytes_sent = 0;  // of parts the service has
    bool is_recovered = false;
    bool is_waiting = false;  // retry_for has passed
  };
  [[nodiscard]] virtual std::vector<Pending> pending() const = 0;
  [[nodiscard]] virtual UploaderStats stats() const = 0;
  // HTTP requests by kind. Nothing, where no bucket is asked over the network.
  [[nodiscard]] virtual StoreActivity store_activity() const { return {}; }

  // What of which file was last sent to the key (relative), if remember_sent was and is on.
  [[nodiscard]] virtual std::optional<SentFile> last_sent(std::string_view key) const = 0;
  // Forgets all of last_sent().
  [[nodiscard]] virtual Result<void> forget_sent() = 0;

  [[nodiscard]] virtual const std::string& url() const = 0;  // "s3://bucket/prefix/"
  [[nodiscard]] virtual const std::filesystem::path& journal() const = 0;
};

// Opens the journal and goes on with what it holds. Makes no request before it returns. The
// destructor gives up what is under way and keeps it in the journal; flush() first to wait.
// Fails with bad_input (URL, options), permission (no credentials), precondition (journal in use,
// or of another bucket), corrupt, no_space, io.
[[nodiscard]] Result<std::unique_ptr<Uploader>> open_uploader(std::string_view url,
                                                              const UploaderOptions& options);

}  // namespace shoal
