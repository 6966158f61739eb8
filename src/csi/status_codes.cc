// SPDX-License-Identifier: Apache-2.0
#include "csi/status_codes.h"

#include <array>

namespace shoal::csi {
namespace {

constexpr std::array<std::string_view, kStatusCodes> kNames{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// Bytes of the UTF-8 sequence that begins at `at`, or 0 when none does. Overlong forms, surrogates
// and what lies beyond U+10FFFF are none.
std::size_t sequence_bytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  const std::size_t count = first < 0x80   ? 1
                            : first < 0xc2 ? 0
                            : first < 0xe0 ? 2
                            : first < 0xf0 ? 3
                            : first < 0xf5 ? 4
                                           : 0;
  if (count == 0 || at + count > text.size()) return 0;
  for (std::size_t i = 1; i < count; ++i)
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  if (first == 0xe0 && byte(at + 1) < 0xa0) return 0;
  if (first == 0xed && byte(at + 1) >= 0xa0) return 0;
  if (first == 0xf0 && byte(at + 1) < 0x90) return 0;
  if (first == 0xf4 && byte(at + 1) >= 0x90) return 0;
  return count;
}

}  // namespace

std::string_view name_of(StatusCode code) noexcept {
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "UNKNOWN";
}

StatusCode status_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::not_found:
      return StatusCode::not_found;
    case ErrorCode::precondition:
      return StatusCode::failed_precondition;
    case ErrorCode::permission:
      return StatusCode::permission_denied;
    case ErrorCode::throttled:
    case ErrorCode::unavailable:
    case ErrorCode::closed:
      return StatusCode::unavailable;
    case ErrorCode::timeout:
      return StatusCode::deadline_exceeded;
    case ErrorCode::corrupt:
      return StatusCode::data_loss;
    case ErrorCode::no_space:
    case ErrorCode::limit:
      return StatusCode::resource_exhausted;
    case ErrorCode::canceled:
      return StatusCode::canceled;
    case ErrorCode::bad_input:
      return StatusCode::invalid_argument;
    // "unimplemented" would say that the driver lacks the call.
    case ErrorCode::unsupported:
      return StatusCode::failed_precondition;
    case ErrorCode::io:
    case ErrorCode::bug:
      return StatusCode::internal;
  }
  return StatusCode::unknown;
}

std::unexpected<Failure> failure(const Error& error) {
  std::string text = error.message();
  if (!error.remedy().empty()) text += ". " + error.remedy();
  return failure(status_of(error.code()), text);
}

std::unexpected<Failure> failure(StatusCode code, std::string message) {
  return std::unexpected<Failure>(Failure{code, printable(message)});
}

std::string printable(std::string_view bytes, std::size_t bytes_max) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t count = sequence_bytes(bytes, at);
    const auto first = static_cast<unsigned char>(bytes[at]);
    const bool shown = count > 0 && first >= 0x20 && first != 0x7f;
    const std::string_view piece = shown ? bytes.substr(at, count) : first == '\n' ? " " : "?";
    if (text.size() + piece.size() > bytes_max) break;
    text += piece;
    at += std::max<std::size_t>(count, 1);
  }
  return text;
}

}  // namespace shoal::csi
