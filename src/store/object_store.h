// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/md5_many.h"
#include "base/result.h"

// The lower waist: everything Shoal asks of a bucket, in a dozen calls. Implementations: s3, oss,
// file, memory. Retry, throttling, checksums and faults are wrappers (retry.h, fault.h), never
// flags.
//
// Thread model: confined to the LoopExecutor the store was made with. Every call returns at once;
// `done` runs later on that executor, exactly once. Strings and spans in a request are copied or
// finished with before the call returns unless "borrowed" is said.
//
// Errors say host, bucket, key, the service's code and request id, and a remedy. `not_found` is a
// missing key for object calls and a missing bucket for list(); both texts say which.

namespace shoal::store {

template <typename T>
using Done = std::move_only_function<void(Result<T>)>;

// An opaque version of an object's content, without quotes, compared byte by byte.
using ETag = std::string;

struct ObjectInfo {
  std::string key{};  // raw bytes, whole key (never relative to a prefix)
  std::uint64_t size = 0;
  std::int64_t mtime = 0;  // seconds since 1970, UTC
  ETag etag{};
  std::string storage_class{};  // empty: the usual one
};

struct ListRequest {
  std::string prefix{};
  std::string start_after{};      // first key returned is greater than this; ignored with a token
  std::string token{};            // from the page before; empty for the first page
  bool by_directory = false;      // group keys behind the next '/' into common_prefixes
  std::uint32_t keys_max = 1000;  // 1..1000
};
struct ListPage {
  std::vector<ObjectInfo> objects;  // in byte order of their keys
  std::vector<std::string> common_prefixes;
  // Present when the listing goes on, also behind an empty page. Absent: this was the last page.
  std::optional<std::string> next_token;
};

// Where a GET's bytes go, in order. Borrowed by get(): must live until its `done` has run.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual Result<void> on_bytes(ByteSpan bytes) = 0;
};

struct GetRequest {
  std::string key{};
  std::uint64_t offset = 0;
  // Exactly this many bytes are delivered or the call fails. A range that is not inside the object
  // is ErrorCode::precondition: the object is not the one the caller knows. Zero: succeeds without
  // asking the service.
  std::uint64_t length = 0;
  ETag if_match{};  // empty: any version. A replaced object is ErrorCode::precondition
  // Size of the whole object when known (the index knows); lets a whole-object GET go without a
  // Range header. Zero: not known. An object of another size is ErrorCode::precondition.
  std::uint64_t object_size = 0;
  Duration deadline{};  // zero: the store's default
  int attempt = 1;      // counted by the retry wrapper; for the log
};

// What must hold of the key for a write to take effect; ErrorCode::precondition when it does not.
struct WriteCondition {
  bool if_absent = false;  // the key has no object
  ETag if_match{};         // the key has this version; unsupported on OSS
};

// What the caller knows of a body. The service checks it on arrival, the store checks the answer; a
// difference is ErrorCode::corrupt.
struct BodyChecks {
  std::optional<shoal::Md5> md5{};
  std::optional<std::uint64_t> crc64{};  // CRC-64/XZ; OSS only, compared with its answer
};

struct PutRequest {
  std::string key{};
  ByteSpan body{};  // borrowed until `done`
  WriteCondition condition{};
  BodyChecks checks{};
  std::string content_type{};  // empty: the service's own
};
struct PutResult {
  ETag etag{};
};

struct UploadId {
  std::string key{};
  std::string id{};
};
struct UploadedPart {
  std::uint32_t number = 0;  // 1..10,000
  ETag etag{};
};

struct CompleteRequest {
  UploadId upload{};
  std::vector<UploadedPart> parts{};  // in rising order of their numbers
  WriteCondition condition{};
  std::optional<std::uint64_t> crc64{};  // of the whole object; OSS only, compared with its answer
};

struct UploadInfo {
  UploadId upload{};
  std::int64_t initiated = 0;  // seconds since 1970, UTC
};
struct ListUploadsRequest {
  std::string prefix{};
  std::string key_marker{};  // from the page before, as is id_marker; both empty for the first page
  std::string id_marker{};
};
struct UploadsPage {
  std::vector<UploadInfo> uploads{};  // in byte order of their keys
  bool is_last = true;
  std::string next_key_marker{};
  std::string next_id_marker{};
};

struct AppendResult {
  std::uint64_t next_position = 0;
};

// A GET under way, named so that it can be given up. Ids are the store's own and never used twice.
struct CallId {
  std::uint64_t value = 0;  // never 0 for a call
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // "s3://bucket", for messages.
  [[nodiscard]] virtual const std::string& name() const = 0;

  virtual void head(const std::string& key, Done<ObjectInfo> done) = 0;
  // Delivers the bytes to `sink` in order. On failure the sink may have seen a prefix of them.
  virtual CallId get(const GetRequest& request, BodySink& sink, Done<void> done) = 0;
  virtual void list(const ListRequest& request, Done<ListPage> done) = 0;

  // Atomic: readers see the old object or the new one.
  virtual void put(const PutRequest& request, Done<PutResult> done) = 0;
  // `content_type` is the object's; empty: the service's own.
  virtual void create_upload(const std::string& key, const std::string& content_type,
                             Done<UploadId> done) = 0;
  virtual void upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                           const BodyChecks& checks,
                           Done<UploadedPart> done) = 0;  // body borrowed until `done`
  // Atomic, as put().
  virtual void complete_upload(const CompleteRequest& request, Done<PutResult> done) = 0;
  virtual void abort_upload(const UploadId& upload, Done<void> done) = 0;
  // Uploads that are neither completed nor aborted, a page at a time.
  virtual void list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) = 0;
  // Adds bytes at `position`, which must be the object's size (precondition otherwise).
  // unsupported where the service has no append (S3). `body` is borrowed until `done`.
  virtual void append(const std::string& key, std::uint64_t position, ByteSpan body,
                      const BodyChecks& checks, Done<AppendResult> done) = 0;
  // A missing key is no error.
  virtual void remove(const std::string& key, Done<void> done) = 0;
  // Server-side copy within the bucket.
  virtual void copy(const std::string& source, const std::string& target, Done<PutResult> done) = 0;

  // Gives up one GET: its sink gets no more bytes and its `done` runs later, with
  // ErrorCode::canceled unless its outcome was certain already. Unknown ids and those of ended
  // calls are ignored. May be called from a sink, also of that GET.
  virtual void cancel(CallId call) = 0;
  // Gives up every call under way: their `done` run with ErrorCode::canceled.
  virtual void cancel_all() = 0;
};

}  // namespace shoal::store
