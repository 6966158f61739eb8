// SPDX-License-Identifier: Apache-2.0
#include "store/remote/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/limits.h"
#include "base/log.h"

namespace shoal::store {
namespace {

struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total;  // the service may not know
};

// "bytes 0-9/443"
std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  ContentRange range;
  const char* end = text.data() + text.size();
  auto [dash, first_error] = std::from_chars(text.data(), end, range.first);
  if (first_error != std::errc() || dash == end || *dash != '-') return std::nullopt;
  auto [slash, last_error] = std::from_chars(dash + 1, end, range.last);
  if (last_error != std::errc() || slash == end || *slash != '/') return std::nullopt;
  std::uint64_t total = 0;
  auto [rest, total_error] = std::from_chars(slash + 1, end, total);
  if (total_error == std::errc() && rest == end) range.total = total;
  return range;
}

std::optional<std::uint64_t> content_length(const http::ResponseHead& head) {
  const std::string_view text = head.header("Content-Length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

}  // namespace

Client::Exchange::Exchange(std::shared_ptr<Client> client, std::uint64_t id, Call call,
                           Done<Answer> done)
    : client_(std::move(client)), id_(id), call_(std::move(call)), done_(std::move(done)) {
  if (call_.deadline > Duration::zero())
    give_up_at_ = client_->executor_.clock().now() + call_.deadline;
}

// Zero when there is no deadline; a deadline that has passed leaves the transport one moment, in
// which it says so.
Duration Client::Exchange::time_left() const {
  if (give_up_at_ == TimePoint::max()) return Duration::zero();
  return std::max<Duration>(give_up_at_ - client_->executor_.clock().now(),
                            std::chrono::milliseconds(1));
}

void Client::Exchange::start(const std::shared_ptr<Exchange>& self) {
  signed_region_ = client_->service_.region;
  signed_offset_ = client_->clock_offset_;
  signed_generation_ = client_->generation_;
  answer_ = {};
  received_ = 0;
  request_ = client_->make_request(call_, time_left());
  sent_at_ = client_->executor_.clock().now();
  exchange_ = client_->transport_.start(
      request_, *this, [self](Result<void> result) { self->finish(self, std::move(result)); });
}

void Client::Exchange::cancel() {
  is_cancelled_ = true;
  client_->transport_.cancel(exchange_);
}

bool Client::Exchange::is_good() const {
  return answer_.head.status >= 200 && answer_.head.status < 300;
}

std::string Client::Exchange::what() const {
  std::string text = call_.doing + " " + client_->name();
  if (!call_.key.empty()) text += "/" + call_.key;
  return text;
}

Error Client::Exchange::replaced(std::string_view why) const {
  return Error(ErrorCode::precondition, what() + ": the object was replaced: " + std::string(why),
               "The bucket has changed since it was listed: run `shoal index build --rebuild`.");
}

// A good answer to a GET must be exactly the bytes that were asked for.
Result<void> Client::Exchange::check_get(const http::ResponseHead& head) const {
  if (const ETag etag = etag_of(head);
      !call_.if_match.empty() && !etag.empty() && etag != call_.if_match)
    return fail(replaced("its version is " + etag + ", not " + call_.if_match));
  const auto length = content_length(head);
  if (head.status == 206) {
    const auto range = parse_content_range(head.header("Content-Range"));
    if (!range || range->first != call_.offset || range->last < range->first)
      return fail(ErrorCode::corrupt,
                  what() + ": asked for bytes from " + std::to_string(call_.offset) +
                      ", answered with range '" + std::string(head.header("Content-Range")) + "'",
                  "The endpoint, or a proxy before it, does not serve ranges as S3 does.");
    if (range->last - range->first + 1 != call_.length)
      return fail(replaced("it ends before the range that was asked for"));
    if (call_.object_size != 0 && range->total.value_or(call_.object_size) != call_.object_size)
      return fail(replaced("it has " + std::to_string(*range->total) + " bytes, not " +
                           std::to_string(call_.object_size)));
  } else if (call_.offset != 0) {
    return fail(ErrorCode::unsupported,
                what() + ": asked for a range, answered with the whole object",
                "The endpoint, or a proxy before it, does not serve ranges as S3 does.");
  }
  if (length && *length != call_.length)
    return fail(replaced("it has " + std::to_string(*length) + " bytes, not " +
                         std::to_string(call_.length)));
  return {};
}

Result<void> Client::Exchange::on_head(const http::ResponseHead& head) {
  answer_.head = head;
  if (!is_good() || call_.sink == nullptr) return {};
  auto checked = check_get(head);
  refused_by_us_ = !checked;
  return checked;
}

Result<void> Client::Exchange::on_body(ByteSpan bytes) {
  if (call_.sink == nullptr || !is_good()) {
    if (answer_.body.size() + bytes.size() <= limits::kResponseBytesMax) {
      answer_.body += as_text(bytes);
      return {};
    }
    refused_by_us_ = true;
    return fail(ErrorCode::corrupt,
                what() + ": the answer has more than " + human_bytes(limits::kResponseBytesMax));
  }
  Result<void> taken;
  if (bytes.size() > call_.length - received_) {
    taken = fail(ErrorCode::corrupt, what() + ": more bytes came than were asked for");
  } else {
    received_ += bytes.size();
    taken = call_.sink->on_bytes(bytes);
    sink_failed_ = !taken;
  }
  refused_by_us_ = !taken;
  return taken;
}

std::string_view Client::Exchange::request_id() const {
  return answer_.head.header(client_->words().request_id_header);
}

// Refusals name their request themselves; whatever else goes wrong behind an answer's head does it
// here, so that the service's people can look it up.
Result<Answer> Client::Exchange::outcome(Result<void> result) {
  const auto with_request = [this](Error error) {
    if (request_id().empty()) return fail(std::move(error));
    return fail(std::move(error).with_note(fmt::format(" [request {}]", request_id())));
  };
  if (!result) {
    if (sink_failed_) return fail(std::move(result).error());  // the caller's own words
    if (refused_by_us_) return with_request(std::move(result).error());
    return with_request(std::move(result).error().with_context(what()));
  }
  if (!is_good()) return fail(client_->refused(call_, answer_.head, answer_.body));
  if (call_.sink != nullptr && received_ != call_.length)
    return with_request(Error(ErrorCode::corrupt, what() + ": only " + std::to_string(received_) +
                                                      " of " + std::to_string(call_.length) +
                                                      " bytes came")
                            .with_retry(Retry::yes));
  return std::move(answer_);
}

// Every HTTP exchange is counted; each is a line of the log at `debug`.
void Client::Exchange::record(const Result<void>& result) const {
  const Duration duration = client_->executor_.clock().now() - sent_at_;
  const std::uint64_t received =
      call_.sink != nullptr && is_good() ? received_ : answer_.body.size();
  if (StoreCounters* counters = client_->counters_) {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    const bool has_answer = result || refused_by_us_;
    if (is_cancelled_ || (!result && result.error().code() == ErrorCode::canceled))
      counters->on_given_up(call_.kind);
    else
      counters->on_request(call_.kind, has_answer ? answer_.head.status : 0, duration);
    counters->received_bytes.fetch_add(received, kRelaxed);
    if (result && is_good()) counters->sent_bytes.fetch_add(call_.body.size(), kRelaxed);
  }
  if (!is_logged(LogLevel::debug)) return;
  log_event(LogLevel::debug, "request",
            {{"op", kRequestKinds[static_cast<std::size_t>(call_.kind)]},
             {"bucket", client_->name()},
             {"key", call_.key},
             {"offset", call_.offset},
             {"received_bytes", received},
             {"sent_bytes", call_.body.size()},
             {"status", answer_.head.status},
             {"request_id", request_id()},
             {"duration_ms", std::chrono::duration<double, std::milli>(duration).count()},
             {"attempt", call_.attempt},
             {"error", result          ? std::string()
                       : is_cancelled_ ? std::string("given up by the caller")
                                       : result.error().message()}});
}

void Client::Exchange::finish(const std::shared_ptr<Exchange>& self, Result<void> result) {
  record(result);
  if (is_cancelled_) {
    client_->exchanges_.erase(id_);
    done_(fail(ErrorCode::canceled, what() + ": given up by the caller"));
    return;
  }
  if (result && !is_good()) {
    const auto refusal = client_->read_refusal(call_, answer_.head, answer_.body);
    if (!region_tried_ && client_->learn_region(refusal, signed_region_)) {
      region_tried_ = true;
      return start(self);
    }
    if (!clock_tried_ && client_->learn_clock(refusal, signed_offset_)) {
      clock_tried_ = true;
      return start(self);
    }
    if (!credentials_tried_ && client_->learn_credentials(refusal, signed_generation_)) {
      credentials_tried_ = true;
      return start(self);
    }
  }
  client_->exchanges_.erase(id_);
  auto answer = outcome(std::move(result));
  done_(std::move(answer));
}

}  // namespace shoal::store
