// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "csi/status_codes.h"

namespace shoal::csi {

// Names for calls, different in every process. synchronized.
class RequestIds {
 public:
  RequestIds();
  [[nodiscard]] std::string next();

 private:
  const std::uint64_t process_;
  std::atomic<std::uint64_t> count_{0};
};

struct FinishedCall {
  std::string_view rpc{};
  std::string_view request_id{};
  std::string_view volume{};  // "" where there is none
  std::string_view target{};  // path it was about; likewise
  StatusCode code = StatusCode::ok;
  std::string_view message{};
  Duration took{};
};
// One line for each call; those that only ask are written at debug. What a request says of secrets
// and attributes is never written.
void log_call(const FinishedCall& call);

}  // namespace shoal::csi
