// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace shoal::devbucket {

// A refusal as the object services write it: an HTTP status and a code that clients branch on.
struct ApiError {
  int status = 500;
  std::string code;
  std::string message;
  std::string elements;  // further XML elements of <Error>, ready to send
  std::string headers;   // further header lines, each ending in CRLF
};

template <typename T>
using ApiResult = std::expected<T, ApiError>;

[[nodiscard]] inline std::unexpected<ApiError> refuse(int status, std::string_view code,
                                                      std::string message) {
  return std::unexpected<ApiError>(ApiError{status, std::string(code), std::move(message), {}, {}});
}
[[nodiscard]] inline std::unexpected<ApiError> refuse(ApiError error) {
  return std::unexpected<ApiError>(std::move(error));
}

}  // namespace shoal::devbucket
