// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/result.h"

// How a call of a CSI service ends badly. The one table from our codes to gRPC's is here.

namespace shoal::csi {

// Those of gRPC's codes that this driver gives, with gRPC's numbers.
//
// kubelet takes canceled, deadline_exceeded, resource_exhausted, aborted and unavailable for "may
// still be going on": it calls again, and undoes before it gives up. Every other code says that
// nothing is going on, and that nothing was left behind.
enum class StatusCode {
  ok = 0,
  canceled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};
inline constexpr int kStatusCodes = 17;

// "OK", "INVALID_ARGUMENT", ...
[[nodiscard]] std::string_view name_of(StatusCode code) noexcept;

[[nodiscard]] StatusCode status_of(ErrorCode code) noexcept;

// `message` is for people: it ends in the events of a pod. It holds no secret.
struct Failure {
  StatusCode code = StatusCode::internal;
  std::string message;
};
template <typename Response>
using Answer = std::expected<Response, Failure>;

// What failed and what to do, without the name of our own code.
[[nodiscard]] std::unexpected<Failure> failure(const Error& error);
[[nodiscard]] std::unexpected<Failure> failure(StatusCode code, std::string message);

// Bytes from outside (keys, names) as text that protobuf and gRPC carry: valid UTF-8 without
// control characters, what is not becomes '?'; at most `bytes_max` long.
[[nodiscard]] std::string printable(std::string_view bytes, std::size_t bytes_max = 2000);

}  // namespace shoal::csi
