// SPDX-License-Identifier: Apache-2.0
#include "store/remote/client.h"

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "store/encoding.h"
#include "store/remote/exchange.h"
#include "store/xml.h"

namespace shoal::store {
namespace {

using namespace std::chrono_literals;

// Services refuse signatures that are 15 minutes off; less than this is no reason to doubt a clock.
constexpr auto kClockDoubt = 5min;
// No service asks for more; a larger number is a mistake.
constexpr std::chrono::milliseconds kRetryAfterMax = 60s;

std::chrono::milliseconds number_of(std::string_view text, std::chrono::milliseconds unit) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return 0ms;
  return std::min(std::min<std::int64_t>(value, 1'000'000) * unit, kRetryAfterMax);
}

std::chrono::milliseconds retry_after_of(const ServiceWords& words,
                                         const http::ResponseHead& head) {
  const auto asked = number_of(head.header(words.retry_after_header), 1ms);
  return asked > 0ms ? asked : number_of(head.header("Retry-After"), 1s);
}

// Credentials are not looked up more often, however many calls are refused.
constexpr auto kLookupInterval = 1s;

// The start of a body that is no service's error, on one line.
std::string excerpt(std::string_view body) {
  std::string text(body.substr(0, 60));
  std::ranges::replace_if(
      text, [](char c) { return c >= 0 && c < ' '; }, ' ');
  return "'" + text + (body.size() > 60 ? "...'" : "'");
}

}  // namespace

ETag etag_of(const http::ResponseHead& head) {
  std::string_view text = head.header("ETag");
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  return ETag(text);
}

Client::Client(LoopExecutor& executor, http::Transport& transport, Service service,
               StoreCounters* counters)
    : executor_(executor),
      transport_(transport),
      service_(std::move(service)),
      counters_(counters),
      name_(std::string(service_.words->scheme) + "://" + service_.address.bucket()) {}

CallId Client::run(Call call, Done<Answer> done) {
  const std::uint64_t id = ++last_id_;
  auto exchange =
      std::make_shared<Exchange>(shared_from_this(), id, std::move(call), std::move(done));
  exchanges_.emplace(id, exchange.get());
  exchange->start(exchange);
  return {id};
}

void Client::cancel(CallId call) {
  const auto found = exchanges_.find(call.value);
  if (found != exchanges_.end()) found->second->cancel();
}

void Client::cancel_all() {
  // A transport may answer in any order, but never from inside cancel().
  for (const auto& [id, exchange] : exchanges_) exchange->cancel();
}

http::Request Client::make_request(const Call& call, Duration time_left) {
  const BucketAddress& address = service_.address;
  Draft draft{.method = http::name_of(call.method),
              .address = &address,
              .key = call.key,
              .path = address.path(call.key),
              .query = call.query,
              .headers = call.headers,
              .body = call.body};
  if (service_.signer)
    service_.signer->sign(draft, service_.region,
                          executor_.clock().wall_now() +
                              std::chrono::duration_cast<WallTime::duration>(clock_offset_));
  http::Request request{.method = call.method,
                        .url = address.url(draft.path, draft.query),
                        .headers = {},
                        .body = call.body,
                        .deadline = time_left};
  request.headers.reserve(draft.headers.size());
  for (auto& [name, value] : draft.headers)
    request.headers.push_back({std::move(name), std::move(value)});
  return request;
}

ServiceRefusal Client::read_refusal(const Call& call, const http::ResponseHead& head,
                                    std::string_view body) const {
  const ServiceWords& words = *service_.words;
  ServiceRefusal refusal;
  refusal.doing = call.doing;
  refusal.bucket = name_;
  refusal.key = call.key;
  refusal.host = service_.address.host();
  refusal.region = service_.region;
  refusal.anonymous = !service_.signer;
  refusal.credentials = service_.credentials;
  refusal.looks_again = service_.signer && service_.renew;
  refusal.is_write = call.method != http::Method::get && call.method != http::Method::head;
  refusal.condition = call.condition;
  refusal.status = head.status;
  refusal.request_id = head.header(words.request_id_header);
  refusal.retry_after = retry_after_of(words, head);
  if (!words.region_header.empty()) refusal.right_region = head.header(words.region_header);
  if (const auto date = parse_http_date(head.header("Date")))
    refusal.clock_offset =
        std::chrono::round<std::chrono::seconds>(*date - executor_.clock().wall_now());

  std::optional<std::string>
      hidden;  // OSS: an answer to HEAD has no body, its error is in a header
  if (body.empty() && !words.error_header.empty())
    hidden = base64_decode(head.header(words.error_header));
  const std::string_view text = hidden ? std::string_view(*hidden) : body;
  if (const auto leaves = read_leaves(as_bytes(text)); leaves && leaves->root == "Error") {
    refusal.code = leaves->text("Code");
    refusal.message = leaves->text("Message");
    if (refusal.request_id.empty()) refusal.request_id = leaves->text("RequestId");
    if (refusal.right_region.empty()) refusal.right_region = leaves->text("Region");
  } else if (!text.empty()) {
    refusal.is_foreign = true;
    refusal.message = excerpt(text);
  }
  if (refusal.right_region == service_.region) refusal.right_region.clear();
  return refusal;
}

Error Client::refused(const Call& call, const http::ResponseHead& head,
                      std::string_view body) const {
  return to_error(read_refusal(call, head, body));
}

bool Client::learn_region(const ServiceRefusal& refusal, std::string_view signed_region) {
  const bool about_region = refusal.status == 301 || refusal.status == 307 ||
                            refusal.status == 308 || refusal.status == 400 || refusal.status == 403;
  if (!about_region) return false;
  // Another exchange has learned it since this one was signed.
  if (service_.region != signed_region) return true;
  if (refusal.right_region.empty()) return false;
  service_.region = refusal.right_region;
  if (service_.address_in_region)
    service_.address = service_.address_in_region(service_.address, service_.region);
  return true;
}

bool Client::learn_clock(const ServiceRefusal& refusal, Duration signed_offset) {
  if (refusal.status != 403 || !refusal.clock_offset) return false;
  const auto error = *refusal.clock_offset - signed_offset;
  const bool doubtful = refusal.code == "RequestTimeTooSkewed" ||
                        (refusal.code.empty() && (error > kClockDoubt || error < -kClockDoubt));
  if (!doubtful) return false;
  clock_offset_ = *refusal.clock_offset;
  return true;
}

bool Client::learn_credentials(const ServiceRefusal& refusal, std::uint64_t signed_generation) {
  if (!refusal.looks_again || !is_about_credentials(refusal)) return false;
  // Another exchange has renewed them since this one was signed.
  if (generation_ != signed_generation) return true;
  const TimePoint now = executor_.clock().now();
  if (now < next_lookup_) return false;
  next_lookup_ = now + kLookupInterval;
  auto found = service_.renew();
  if (!found || !*found || !service_.signer->renew(**found)) return false;
  service_.credentials = (*found)->source;
  ++generation_;
  return true;
}

}  // namespace shoal::store
