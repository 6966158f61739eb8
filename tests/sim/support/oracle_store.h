// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "store/object_store.h"

namespace shoal::sim {

// Byte `offset` of version `version` of object number `object`: a misread names itself.
[[nodiscard]] std::byte oracle_byte(std::uint64_t object, std::uint32_t version,
                                    std::uint64_t offset);
void oracle_fill(std::uint64_t object, std::uint32_t version, std::uint64_t offset,
                 MutableByteSpan target);

struct OracleObject {
  std::uint64_t number = 0;
  std::uint64_t size = 0;
  std::uint32_t version = 1;
  enum class ETagKind { number, md5, random_hex } etag_kind = ETagKind::number;
  [[nodiscard]] store::ETag etag() const;
};

// A bucket whose objects take no memory. Objects change only while no thread reads.
struct OracleBucket {
  std::map<std::string, OracleObject> objects;
  std::atomic<std::uint64_t> gets{0};
  std::atomic<std::uint64_t> other_calls{0};  // anything but get: the read path makes none
  std::atomic<std::uint64_t> in_flight{0};
  std::atomic<std::uint64_t> in_flight_max{0};
  std::atomic<std::uint64_t> ranged_whole_objects{0};  // GETs of a whole object not told its size
  bool watch_overlaps = false;                         // costs a look at every call under way
  std::atomic<std::uint64_t> overlapping{0};  // GETs for bytes another one was under way for
  // What was asked for, in order, when somebody wants to know. One thread only.
  struct Asked {
    std::string key;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };
  std::vector<Asked>* log = nullptr;
};

struct OracleBehaviour {
  Duration delay_min{};  // until the first byte
  Duration delay_max{};
  std::uint64_t piece_bytes = 0;  // bytes come in pieces of this size; 0: all at once
  Duration piece_delay{};         // between two pieces
  double fail = 0;                // unavailable, some after a part of the bytes
  double hang = 0;                // never answers
  std::uint32_t damaged = 0;      // so many next GETs of whole objects have a wrong bit each
  bool outage = false;            // every GET fails at once, and may be tried again
};

// A store on such a bucket. confined to its executor.
class OracleStore final : public store::ObjectStore {
 public:
  OracleStore(OracleBucket& bucket, LoopExecutor& executor, OracleBehaviour behaviour,
              std::uint64_t seed)
      : bucket_(bucket), executor_(executor), behaviour_(behaviour), rng_(seed) {}
  ~OracleStore() override;
  [[nodiscard]] OracleBehaviour& behaviour() { return behaviour_; }

  [[nodiscard]] const std::string& name() const override { return name_; }
  store::CallId get(const store::GetRequest& request, store::BodySink& sink,
                    store::Done<void> done) override;
  void cancel(store::CallId call) override;
  void cancel_all() override;

  void head(const std::string&, store::Done<store::ObjectInfo> done) override;
  void list(const store::ListRequest&, store::Done<store::ListPage> done) override;
  void put(const store::PutRequest&, store::Done<store::PutResult> done) override;
  void create_upload(const std::string&, const std::string&,
                     store::Done<store::UploadId> done) override;
  void upload_part(const store::UploadId&, std::uint32_t, ByteSpan, const store::BodyChecks&,
                   store::Done<store::UploadedPart> done) override;
  void complete_upload(const store::CompleteRequest&, store::Done<store::PutResult> done) override;
  void list_uploads(const store::ListUploadsRequest&,
                    store::Done<store::UploadsPage> done) override;
  void abort_upload(const store::UploadId&, store::Done<void> done) override;
  void append(const std::string&, std::uint64_t, ByteSpan, const store::BodyChecks&,
              store::Done<store::AppendResult> done) override;
  void remove(const std::string&, store::Done<void> done) override;
  void copy(const std::string&, const std::string&, store::Done<store::PutResult> done) override;

 private:
  struct Call;
  // Shared by the table of calls and the timer that continues the call.
  using CallPtr = std::shared_ptr<Call>;
  void note_request(const Call& call);
  void answer(const CallPtr& call);
  void go_on(const CallPtr& call);
  void end(const CallPtr& call, Result<void> result);
  void give_up(const CallPtr& call);
  template <typename T>
  void refuse(store::Done<T> done);

  OracleBucket& bucket_;
  LoopExecutor& executor_;
  OracleBehaviour behaviour_;
  Rng rng_;
  std::string name_ = "sim://bucket";
  std::uint64_t calls_made_ = 0;
  std::map<std::uint64_t, CallPtr> calls_;
};

}  // namespace shoal::sim
