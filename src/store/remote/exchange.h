// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "store/remote/client.h"

namespace shoal::store {

// One call under way: at most four HTTP exchanges (as asked, with the right region, with the right
// clock, with new credentials). Owned by the callback given to the transport, so it lives exactly
// as long as it is needed.
class Client::Exchange final : public http::ResponseSink {
 public:
  Exchange(std::shared_ptr<Client> client, std::uint64_t id, Call call, Done<Answer> done);

  void start(const std::shared_ptr<Exchange>& self);
  void cancel();

  Result<void> on_head(const http::ResponseHead& head) override;
  Result<void> on_body(ByteSpan bytes) override;

 private:
  void finish(const std::shared_ptr<Exchange>& self, Result<void> result);
  Result<Answer> outcome(Result<void> result);
  [[nodiscard]] bool is_good() const;
  [[nodiscard]] Result<void> check_get(const http::ResponseHead& head) const;
  [[nodiscard]] Error replaced(std::string_view why) const;
  [[nodiscard]] std::string what() const;  // "get s3://bucket/key"
  [[nodiscard]] Duration time_left() const;
  void record(const Result<void>& result) const;
  [[nodiscard]] std::string_view request_id() const;

  std::shared_ptr<Client> client_;
  std::uint64_t id_;
  Call call_;
  Done<Answer> done_;
  TimePoint give_up_at_ = TimePoint::max();
  bool is_cancelled_ = false;
  bool region_tried_ = false;
  bool clock_tried_ = false;
  bool credentials_tried_ = false;

  // Of the present HTTP exchange.
  http::Request request_;
  http::ExchangeId exchange_{};
  TimePoint sent_at_{};
  std::string signed_region_;
  Duration signed_offset_{};
  std::uint64_t signed_generation_ = 0;
  Answer answer_;
  std::uint64_t received_ = 0;
  bool sink_failed_ = false;
  bool refused_by_us_ = false;  // on_head or on_body returned an error, which is complete as it is
};

}  // namespace shoal::store
