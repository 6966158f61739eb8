// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes from /dev/fuse make the decoder or the tree misbehave: what is accepted stays
// inside the image and inside the request. Method: libFuzzer; the input as a request with its
// length as it comes, and set right.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "frontend/fuse/bounds.h"
#include "frontend/fuse/image_tree.h"
#include "frontend/fuse/protocol.h"
#include "frontend/fuse/session.h"

namespace {

constexpr std::uint64_t kImageBytes = (1ull << 40) + 777;

void check(shoal::ByteSpan bytes) {
  using namespace shoal::fuse;
  const auto request = protocol::decode_request(bytes);
  if (!request) return;
  static const ImageTree tree({.image_bytes = kImageBytes});
  const Answer answer = tree.answer(*request);
  if (answer.kind == Answer::Kind::read &&
      (answer.read.bytes == 0 || answer.read.bytes > bounds::kReadBytes ||
       answer.read.offset >= kImageBytes || kImageBytes - answer.read.offset < answer.read.bytes))
    std::abort();
  if (answer.error < 0 || answer.payload.size() > bounds::kReadBytes ||
      (answer.error != 0 && !answer.payload.empty()))
    std::abort();
  static_cast<void>(protocol::decode_init(request->body).has_value());
  const auto name = protocol::decode_name(request->body);
  if (name && name->size() >= request->body.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check(bytes);
  if (size < sizeof(fuse_in_header)) return 0;
  std::vector<std::byte> right(bytes.begin(), bytes.end());
  shoal::store_le(right.data(), static_cast<std::uint32_t>(size));
  check(right);
  return 0;
}
