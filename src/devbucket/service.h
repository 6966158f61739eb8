// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "devbucket/authorizer.h"
#include "devbucket/body_receiver.h"
#include "devbucket/buckets.h"
#include "devbucket/counters.h"
#include "devbucket/faults.h"
#include "devbucket/request.h"
#include "devbucket/response.h"

namespace shoal::devbucket {

struct ServiceOptions {
  AuthorizerOptions auth;
  FaultOptions faults;
  std::int64_t clock_offset_seconds = 0;
};

// One request on its way through the server. confined.
struct Exchange {
  Request request;
  std::string request_id;
  RequestClass kind = RequestClass::other;
  FaultDecision fault;
  Identity identity;
  BucketRef bucket;
  std::unique_ptr<BodyReceiver> body;  // null: a body is thrown away
  std::optional<Response> response;

  void clear();
};

// What the requests mean: everything between a parsed request and an answer, without any network.
// synchronized: any thread may call, with its own Exchange.
class Service {
 public:
  Service(std::unique_ptr<Buckets> buckets, ServiceOptions options)
      : buckets_(std::move(buckets)),
        options_(std::move(options)),
        authorizer_(options_.auth),
        faults_(options_.faults) {}

  // Once the header is there: finds out what is asked, by whom, and where the body goes. Sets the
  // response if it is known already.
  void begin(Exchange& exchange);
  // Whether finish() may take long enough to hold up other connections of a thread.
  [[nodiscard]] static bool is_slow(const Exchange& exchange);
  // Once the whole body is there: does it. Precondition: no response yet. Sets the response.
  void finish(Exchange& exchange);

  [[nodiscard]] Counters& counters() { return counters_; }
  // Seconds since 1970 as this server believes.
  [[nodiscard]] std::int64_t now_seconds() const;

 private:
  using Answer = ApiResult<Response>;
  [[nodiscard]] ApiResult<void> admit(Exchange& exchange);
  [[nodiscard]] ApiResult<void> prepare_body(Exchange& exchange);
  [[nodiscard]] Answer answer(Exchange& exchange);
  [[nodiscard]] Answer answer_object(Exchange& exchange);
  [[nodiscard]] ApiError injected_error(const Exchange& exchange) const;

  // bucket_operations.cc
  [[nodiscard]] Answer list_buckets(const Exchange& exchange);
  [[nodiscard]] Answer create_bucket(const Exchange& exchange);
  [[nodiscard]] Answer delete_bucket(const Exchange& exchange);
  [[nodiscard]] Answer head_bucket(const Exchange& exchange);
  [[nodiscard]] Answer get_location(const Exchange& exchange);
  [[nodiscard]] Answer probe_bucket(const Exchange& exchange);
  [[nodiscard]] Answer delete_objects(Exchange& exchange);
  // list_operations.cc
  [[nodiscard]] Answer list_objects(Exchange& exchange);
  // object_operations.cc
  [[nodiscard]] Answer get_object(const Exchange& exchange);
  [[nodiscard]] Answer put_object(Exchange& exchange);
  [[nodiscard]] Answer copy_object(Exchange& exchange);
  [[nodiscard]] Answer delete_object(const Exchange& exchange);
  [[nodiscard]] Answer append_object(Exchange& exchange);
  [[nodiscard]] Answer probe_object(const Exchange& exchange);
  // multipart_operations.cc
  [[nodiscard]] Answer create_upload(const Exchange& exchange);
  [[nodiscard]] Answer upload_part(Exchange& exchange);
  [[nodiscard]] Answer upload_part_copy(const Exchange& exchange);
  [[nodiscard]] Answer complete_upload(Exchange& exchange);
  [[nodiscard]] Answer abort_upload(const Exchange& exchange);
  [[nodiscard]] Answer list_parts(const Exchange& exchange);
  [[nodiscard]] Answer list_uploads(const Exchange& exchange);

  const std::unique_ptr<Buckets> buckets_;
  const ServiceOptions options_;
  const Authorizer authorizer_;
  Faults faults_;
  Counters counters_;
};

}  // namespace shoal::devbucket
