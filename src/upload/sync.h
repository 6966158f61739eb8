// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "shoal/uploader.h"
#include "store/object_store.h"
#include "upload/local_files.h"

namespace shoal::upload {

// What it takes to make the objects under a prefix equal to the files of a directory: a merge of
// two sorted streams, the walk of the directory and the pages of the bucket's listing, so that
// memory does not grow with either (but for the keys to delete, which wait for the walk's end).
//
// A file is unchanged when its object has the same size and
//   - we sent this very file (path, inode, times), and the object is still the one we made; or
//   - we never sent another file to this key, the object is not older than the file, and
//     `checksum` is off; or
//   - the file has the content the object's ETag stands for.
// Everything else is sent.

struct SyncOptions {
  LocalOptions local{};
  std::string prefix{};                   // of the keys in the bucket, "" or ending in '/'
  std::string below{};                    // only this directory of both sides, "" or ending in '/'
  bool checksum = false;                  // times prove nothing
  bool delete_extra = false;              // objects without a file go
  std::uint64_t part_bytes = 8ull << 20;  // with which we send
  const std::atomic<bool>* stop = nullptr;  // becomes true: canceled; may be null
};

struct SyncStep {
  enum class Action : std::uint8_t {
    send,
    keep,    // unchanged
    remove,  // object without a file
    extra,   // the same, and it stays
    skip,    // a file that is not sent
  };
  enum class Reason : std::uint8_t {
    missing,             // no such object
    size,                // the sizes differ
    content,             // the checksums differ, or cannot be compared
    same_as_sent,        // this very file was sent
    not_older,           // the object is not older than the file
    same_content,        // the checksums are equal
    no_file,             // remove, extra
    excluded,            // extra: the filter leaves it alone
    stands_for_skipped,  // extra: there is something of this name, which is not sent
    marker,              // extra: it stands for a directory that is there
    walk_failed,         // extra: not deleted, part of the directory could not be read
    skipped,             // see `skipped`
  };
  Action action = Action::send;
  Reason reason = Reason::missing;
  std::string key{};  // relative to the prefix
  std::uint64_t bytes = 0;
  std::optional<sys::FileStatus> status{};  // of the file
  const SkippedFile* skipped = nullptr;     // during the call
};
[[nodiscard]] std::string_view text_of(SyncStep::Reason reason);

struct SyncCounts {
  std::uint64_t files = 0;  // looked at; regular and wanted
  std::uint64_t bytes = 0;
  std::uint64_t objects = 0;
  std::uint64_t send = 0, send_bytes = 0;
  std::uint64_t keep = 0, keep_bytes = 0;
  std::uint64_t remove = 0;
  std::uint64_t extra = 0;
  std::map<SkippedFile::Reason, std::uint64_t> skipped{};
  std::uint64_t skipped_errors = 0;
};

// Asks for a page of the listing and waits for it.
using ListPages = std::function<Result<store::ListPage>(const store::ListRequest&)>;
// What was last sent to a key (relative).
using LastSent = std::function<std::optional<SentFile>(const std::string& key)>;
// One step; an error ends the plan with it.
using OnStep = std::function<Result<void>(const SyncStep&)>;

// Calls on_step for each file and each object that has none, in byte order of the keys; removals
// come last. Blocks on the disk and the bucket. Fails when the root or the listing cannot be read.
[[nodiscard]] Result<SyncCounts> plan_sync(const SyncOptions& options, const ListPages& list,
                                           const LastSent& last_sent, const OnStep& on_step);

}  // namespace shoal::upload
