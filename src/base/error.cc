// SPDX-License-Identifier: Apache-2.0
#include "shoal/error.h"

namespace shoal {

std::string_view name_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::not_found:
      return "not found";
    case ErrorCode::precondition:
      return "precondition failed";
    case ErrorCode::permission:
      return "permission denied";
    case ErrorCode::throttled:
      return "throttled";
    case ErrorCode::timeout:
      return "timed out";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::no_space:
      return "no space";
    case ErrorCode::limit:
      return "limit reached";
    case ErrorCode::canceled:
      return "canceled";
    case ErrorCode::bad_input:
      return "bad input";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::io:
      return "I/O error";
    case ErrorCode::closed:
      return "closed";
    case ErrorCode::bug:
      return "internal error";
  }
  return "unknown";
}

std::string Error::to_string() const {
  std::string text = message_;
  text += " (";
  text += name_of(code_);
  text += ")";
  if (!remedy_.empty()) {
    text += ". ";
    text += remedy_;
  }
  return text;
}

}  // namespace shoal
