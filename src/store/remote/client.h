// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "http/transport.h"
#include "store/counters.h"
#include "store/object_store.h"
#include "store/remote/service.h"
#include "store/remote/service_error.h"

namespace shoal::store {

// One request in the words of the service, before addressing and signing.
struct Call {
  std::string doing;  // "get", for messages
  RequestKind kind = RequestKind::get;
  http::Method method = http::Method::get;
  std::string key;  // empty: the bucket itself
  std::vector<NameValue> query{};
  std::vector<NameValue> headers{};
  ByteSpan body{};             // borrowed until `done`
  WriteCondition condition{};  // what the headers say; for messages
  Duration deadline{};         // of the call, however many requests it takes; zero: none
  // For a GET: where the bytes of a good answer go, and what the answer must be.
  BodySink* sink = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t object_size = 0;  // zero: not known
  ETag if_match{};
  int attempt = 1;  // for the log
};

// The header's ETag without its quotes; empty when there is none.
[[nodiscard]] ETag etag_of(const http::ResponseHead& head);

// A good answer (2xx); the body is empty when it went to a sink.
struct Answer {
  http::ResponseHead head;
  std::string body;
};

// Sends the calls of one bucket: signs them, learns the bucket's region, the service's clock and
// that the credentials are used up from refusals (one more try each, remembered for all later
// calls), checks that a GET's answer is what was asked for, and turns refusals into errors.
// confined to its executor. Shared by its store and the exchanges under way; the last of them frees
// it.
class Client final : public std::enable_shared_from_this<Client> {
 public:
  // `counters` outlives it; null: nobody looks.
  Client(LoopExecutor& executor, http::Transport& transport, Service service,
         StoreCounters* counters);

  CallId run(Call call, Done<Answer> done);
  // Gives up one call; unknown ids are ignored.
  void cancel(CallId call);
  // An id for a call that never reaches the service.
  [[nodiscard]] CallId unused_id() { return {++last_id_}; }
  // Also before the owner goes: every `done` runs with ErrorCode::canceled.
  void cancel_all();

  [[nodiscard]] const std::string& name() const { return name_; }  // "s3://bucket"
  [[nodiscard]] const ServiceWords& words() const { return *service_.words; }
  [[nodiscard]] const BucketAddress& address() const { return service_.address; }
  // The error for a refusal; also for the 200 answers that carry one in their body.
  [[nodiscard]] Error refused(const Call& call, const http::ResponseHead& head,
                              std::string_view body) const;

 private:
  class Exchange;
  [[nodiscard]] http::Request make_request(const Call& call, Duration time_left);
  [[nodiscard]] ServiceRefusal read_refusal(const Call& call, const http::ResponseHead& head,
                                            std::string_view body) const;
  // Whether a request signed for `signed_region` (at `signed_offset`) is worth another try.
  bool learn_region(const ServiceRefusal& refusal, std::string_view signed_region);
  bool learn_clock(const ServiceRefusal& refusal, Duration signed_offset);
  // Looks the credentials up again, which blocks for some small files, at most once a second.
  bool learn_credentials(const ServiceRefusal& refusal, std::uint64_t signed_generation);

  LoopExecutor& executor_;
  http::Transport& transport_;
  Service service_;
  StoreCounters* counters_;
  std::string name_;
  Duration clock_offset_{};       // the service's clock minus ours
  std::uint64_t generation_ = 0;  // counts changes of the credentials
  TimePoint next_lookup_{};       // of them, not before this
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, Exchange*> exchanges_;  // owned by the transport's callbacks
};

}  // namespace shoal::store
