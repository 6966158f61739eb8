// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes make the response parser crash, read two ways, or hand out more than came.
// Method: feed the same bytes whole and in pieces whose sizes come from the bytes themselves; both
// must deliver the same head and body and end the same way.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "http/response_parser.h"

namespace {

struct Record final : shoal::http::ResponseSink {
  shoal::Result<void> on_head(const shoal::http::ResponseHead& head) override {
    SHOAL_ASSERT(text.empty());
    SHOAL_ASSERT(head.status >= 200 && head.status <= 999);
    text = std::to_string(head.status) + "\n";
    for (const auto& header : head.headers) {
      SHOAL_ASSERT(!header.name.empty());
      SHOAL_ASSERT((header.name + header.value).find_first_of("\r\n") == std::string::npos);
      text += header.name + ":" + header.value + "\n";
    }
    return {};
  }
  shoal::Result<void> on_body(shoal::ByteSpan bytes) override {
    SHOAL_ASSERT(!text.empty() && !bytes.empty());
    text += shoal::as_text(bytes);
    return {};
  }
  std::string text;
};

struct Outcome {
  std::string delivered;
  bool failed = false;
  bool complete = false;
  std::size_t used = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::span<const std::byte> bytes, bool in_pieces, bool is_head) {
  shoal::http::ResponseParser parser;
  parser.reset(is_head);
  Record record;
  Outcome outcome;
  while (outcome.used < bytes.size() && !parser.complete()) {
    std::size_t size = bytes.size() - outcome.used;
    const unsigned piece = 1 + std::to_integer<unsigned>(bytes[outcome.used]) % 7;
    if (in_pieces) size = std::min<std::size_t>(size, piece);
    const auto used = parser.feed(bytes.subspan(outcome.used, size), record);
    if (!used) {
      SHOAL_ASSERT(used.error().code() == shoal::ErrorCode::unavailable);
      outcome.failed = true;  // where it stopped depends on the pieces
      break;
    }
    SHOAL_ASSERT(*used == size || parser.complete());
    outcome.used += *used;
  }
  if (!outcome.failed) outcome.failed = !parser.finish();
  if (outcome.failed) outcome.used = 0;
  outcome.complete = parser.complete();
  outcome.delivered = record.text;
  SHOAL_ASSERT(outcome.failed != outcome.complete);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const bool is_head : {false, true})
    SHOAL_ASSERT(read(bytes, false, is_head) == read(bytes, true, is_head));
  return 0;
}
