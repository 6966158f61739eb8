// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "store/object_store.h"

namespace shoal::store {

// A bucket in memory that is strict about its callers: the reference implementation for tests, with
// counters, a delay and a way to change objects behind a reader's back. confined to `executor`,
// which outlives it. Destroying it gives up the calls under way (their `done` still run).
class MemoryStore final : public ObjectStore {
 public:
  explicit MemoryStore(LoopExecutor& executor, std::string name = "memory://bucket");
  ~MemoryStore() override;

  // Takes effect at once and is not counted as a request. Returns the object's new ETag.
  ETag add(const std::string& key, std::string content, std::int64_t mtime = 1'700'000'000);
  void erase(const std::string& key);
  [[nodiscard]] const std::string* find(const std::string& key) const;  // null when missing
  // Empty when the object is missing too.
  [[nodiscard]] std::string content_type_of(const std::string& key) const;

  struct Counts {
    std::uint64_t head = 0, get = 0, list = 0, put = 0, create_upload = 0, upload_part = 0,
                  complete_upload = 0, abort_upload = 0, list_uploads = 0, append = 0, remove = 0,
                  copy = 0;
    std::uint64_t get_bytes = 0;  // delivered to sinks
    std::uint64_t in_flight = 0, in_flight_max = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  // GETs hand their bytes to the sink in pieces of at most this size; zero: in one piece.
  void set_piece_bytes(std::uint64_t bytes) { piece_bytes_ = bytes; }
  // False: every call fails with not_found as for a bucket that does not exist.
  void set_bucket_exists(bool exists) { bucket_exists_ = exists; }

  [[nodiscard]] const std::string& name() const override { return name_; }
  void head(const std::string& key, Done<ObjectInfo> done) override;
  CallId get(const GetRequest& request, BodySink& sink, Done<void> done) override;
  void list(const ListRequest& request, Done<ListPage> done) override;
  void put(const PutRequest& request, Done<PutResult> done) override;
  void create_upload(const std::string& key, const std::string& content_type,
                     Done<UploadId> done) override;
  void upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                   const BodyChecks& checks, Done<UploadedPart> done) override;
  void complete_upload(const CompleteRequest& request, Done<PutResult> done) override;
  void abort_upload(const UploadId& upload, Done<void> done) override;
  void list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) override;
  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              const BodyChecks& checks, Done<AppendResult> done) override;
  void remove(const std::string& key, Done<void> done) override;
  void copy(const std::string& source, const std::string& target, Done<PutResult> done) override;
  void cancel(CallId call) override;
  void cancel_all() override;

 private:
  struct Object {
    std::string content;
    std::int64_t mtime = 0;
    ETag etag;
    std::string content_type{};
  };
  struct Upload {
    std::string key;
    std::string content_type{};
    std::int64_t initiated = 0;
    std::map<std::uint32_t, std::string> parts;
  };
  class Cursor;
  // A call waiting for its turn: runs with the outcome "go on" or, given an error, fails with it.
  using Finish = std::move_only_function<void(const Error* given_up)>;
  struct Waiting;

  template <typename T>
  CallId answer(const char* doing, const std::string& key,
                std::move_only_function<Result<T>()> work, Done<T> done);
  Result<const Object*> lookup(const char* doing, const std::string& key) const;
  Result<void> deliver(const GetRequest& request, BodySink& sink);
  Result<PutResult> store(const std::string& key, std::string content,
                          std::string content_type = {});
  [[nodiscard]] const ETag* version_of(const std::string& key) const;  // null: no object
  Result<PutResult> complete(const CompleteRequest& request);
  UploadsPage page_of_uploads(const ListUploadsRequest& request) const;
  [[nodiscard]] std::int64_t seconds_now() const;

  LoopExecutor& executor_;
  std::string name_;
  std::map<std::string, Object> objects_;
  std::map<std::string, Upload> uploads_;
  std::uint64_t uploads_made_ = 0;
  bool bucket_exists_ = true;
  std::uint64_t piece_bytes_ = 0;
  Counts counts_;
  // Shared with the tasks posted for the calls, which find it empty after the store has gone.
  std::shared_ptr<Waiting> waiting_;
};

}  // namespace shoal::store
