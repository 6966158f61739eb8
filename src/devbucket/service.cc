// SPDX-License-Identifier: Apache-2.0
#include "devbucket/service.h"

#include <array>
#include <atomic>
#include <chrono>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/rng.h"
#include "devbucket/object_names.h"
#include "store/encoding.h"

namespace shoal::devbucket {
namespace {

// A body of DeleteObjects names up to 1000 keys of 1024 bytes, one of CompleteMultipartUpload
// 10,000 parts; both fit even when they are escaped.
constexpr std::size_t kTextBytesMax = 8u << 20;

std::string next_request_id() {
  static const std::uint64_t start =
      Rng(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()))
          .next();
  static std::atomic<std::uint64_t> number = 0;  // relaxed: only has to differ
  return store::hex(encode_be(start + number.fetch_add(1, std::memory_order_relaxed)));
}

bool is_for_object(Operation operation) {
  return operation >= Operation::get_object && operation <= Operation::list_parts;
}

// Operations on a bucket that need it to be there.
bool needs_bucket(Operation operation) {
  using enum Operation;
  switch (operation) {
    case list_buckets:
    case create_bucket:
    case stats:
    case reset_stats:
    case unsupported:
      return false;
    default:
      return true;
  }
}

bool changes_objects(Operation operation) {
  using enum Operation;
  switch (operation) {
    case put_object:
    case copy_object:
    case delete_object:
    case delete_objects:
    case append_object:
    case create_upload:
    case upload_part:
    case upload_part_copy:
    case complete_upload:
    case abort_upload:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Exchange::clear() {
  request.clear();
  request_id.clear();
  kind = RequestClass::other;
  fault = {};
  identity = {};
  bucket = {};
  body.reset();
  response.reset();
}

std::int64_t Service::now_seconds() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count() +
         options_.clock_offset_seconds;
}

void Service::begin(Exchange& exchange) {
  Request& request = exchange.request;
  exchange.request_id = next_request_id();
  understand(request, [this](std::string_view name) { return bool(buckets_->find(name)); });
  if (request.operation == Operation::stats || request.operation == Operation::reset_stats) {
    // Not counted: looking at the counts must not change them.
    if (request.operation == Operation::reset_stats) counters_.reset();
    exchange.response.emplace();
    exchange.response->add_header("Content-Type", "application/json");
    exchange.response->body = counters_.to_json() + "\n";
    return;
  }
  exchange.kind = class_of(request.operation);
  exchange.fault = faults_.decide(exchange.kind, system_clock().now());
  counters_.begin(exchange.kind);
  ApiResult<void> admitted;
  if (exchange.fault.action == FaultAction::throttle ||
      exchange.fault.action == FaultAction::error) {
    counters_.inject(exchange.kind, exchange.fault.action);
    admitted = refuse(injected_error(exchange));
  } else {
    admitted = admit(exchange);
  }
  if (!admitted) exchange.response = error_response(admitted.error(), request, exchange.request_id);
}

ApiError Service::injected_error(const Exchange& exchange) const {
  const bool is_oss = exchange.request.dialect == Dialect::oss;
  if (exchange.fault.action == FaultAction::error)
    return {500, "InternalError", "We encountered an internal error. Please try again.", {}, {}};
  if (is_oss)
    return {503,
            "TotalQpsLimitExceeded",
            "Total QPS limit exceeded, please reduce your request rate.",
            {},
            "x-oss-qos-delay-time: 100\r\n"};
  return {503, "SlowDown", "Please reduce your request rate.", {}, {}};
}

ApiResult<void> Service::admit(Exchange& exchange) {
  const Request& request = exchange.request;
  auto identity = authorizer_.check(request, now_seconds());
  if (!identity) return refuse(std::move(identity).error());
  exchange.identity = std::move(*identity);
  if (request.operation == Operation::unsupported)
    return refuse(405, "MethodNotAllowed",
                  "The specified method is not allowed against this resource.");
  if (is_for_object(request.operation) && request.key.size() > limits::kKeyBytesMax)
    return refuse(400, "KeyTooLongError", "Your key is too long.");
  if (is_for_object(request.operation) && !is_storable_key(request.key))
    return refuse(400, "InvalidURI", "The key contains a NUL byte.");
  if (needs_bucket(request.operation)) {
    exchange.bucket = buckets_->find(request.bucket);
    if (!exchange.bucket)
      return refuse(404, "NoSuchBucket", "The specified bucket does not exist.");
    if (exchange.bucket.invented != nullptr && changes_objects(request.operation))
      return refuse(403, "AccessDenied", "The objects of an invented bucket cannot be changed.");
  }
  return prepare_body(exchange);
}

ApiResult<void> Service::prepare_body(Exchange& exchange) {
  const Request& request = exchange.request;
  using enum Operation;
  switch (request.operation) {
    case put_object:
    case upload_part:
    case append_object: {
      auto staged = exchange.bucket.disk->stage();
      if (!staged) return refuse(std::move(staged).error());
      exchange.body = std::make_unique<BodyReceiver>(request, exchange.identity,
                                                     exchange.bucket.disk, std::move(*staged));
      return {};
    }
    case delete_objects:
    case complete_upload:
    case create_bucket:
      exchange.body = std::make_unique<BodyReceiver>(request, exchange.identity, kTextBytesMax);
      return {};
    default:
      return {};
  }
}

bool Service::is_slow(const Exchange& exchange) {
  using enum Operation;
  switch (exchange.request.operation) {
    case list_objects:
    case list_objects_v2:
      return exchange.bucket.disk != nullptr;  // may read a huge directory
    case delete_bucket:
    case delete_objects:
    case copy_object:
    case append_object:
    case upload_part_copy:
    case complete_upload:
      return true;
    default:
      return false;
  }
}

void Service::finish(Exchange& exchange) {
  ApiResult<void> received;
  if (exchange.body != nullptr) received = exchange.body->finish();
  Answer result = received ? answer(exchange) : Answer(refuse(std::move(received).error()));
  if (result)
    exchange.response = std::move(*result);
  else
    exchange.response = error_response(result.error(), exchange.request, exchange.request_id);
}

Service::Answer Service::answer(Exchange& exchange) {
  switch (exchange.request.operation) {
    case Operation::list_buckets:
      return list_buckets(exchange);
    case Operation::create_bucket:
      return create_bucket(exchange);
    case Operation::delete_bucket:
      return delete_bucket(exchange);
    case Operation::head_bucket:
      return head_bucket(exchange);
    case Operation::get_location:
      return get_location(exchange);
    case Operation::probe_bucket:
      return probe_bucket(exchange);
    case Operation::list_objects:
    case Operation::list_objects_v2:
      return list_objects(exchange);
    case Operation::delete_objects:
      return delete_objects(exchange);
    case Operation::list_uploads:
      return list_uploads(exchange);
    default:
      return answer_object(exchange);
  }
}

Service::Answer Service::answer_object(Exchange& exchange) {
  switch (exchange.request.operation) {
    case Operation::get_object:
    case Operation::head_object:
      return get_object(exchange);
    case Operation::put_object:
      return put_object(exchange);
    case Operation::copy_object:
      return copy_object(exchange);
    case Operation::delete_object:
      return delete_object(exchange);
    case Operation::append_object:
      return append_object(exchange);
    case Operation::probe_object:
      return probe_object(exchange);
    case Operation::create_upload:
      return create_upload(exchange);
    case Operation::upload_part:
      return upload_part(exchange);
    case Operation::upload_part_copy:
      return upload_part_copy(exchange);
    case Operation::complete_upload:
      return complete_upload(exchange);
    case Operation::abort_upload:
      return abort_upload(exchange);
    case Operation::list_parts:
      return list_parts(exchange);
    default:
      break;
  }
  return refuse(501, "NotImplemented", "The dev bucket does not implement this operation.");
}

}  // namespace shoal::devbucket
