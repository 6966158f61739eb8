// SPDX-License-Identifier: Apache-2.0
#include "fetch/body_check.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>

#include "store/encoding.h"

namespace shoal::fetch {
namespace {

constexpr std::size_t kDigits = 32;
constexpr std::uint64_t kNoMd5Max = 4;  // ETags that are something else, before the check may end

bool is_hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

// OSS writes ETags in upper case. Precondition: hex digits.
std::uint8_t value_of(char digit) {
  const int lower = digit | 0x20;
  return static_cast<std::uint8_t>(lower <= '9' ? lower - '0' : lower - 'a' + 10);
}

bool is_same(const Md5& digest, std::string_view hex) {
  for (std::size_t i = 0; i < digest.size(); ++i)
    if (std::to_integer<int>(digest[i]) != (value_of(hex[2 * i]) << 4 | value_of(hex[2 * i + 1])))
      return false;
  return true;
}

}  // namespace

bool BodyCheck::covers(const FetchOp& op) const {
  return op.object_offset == 0 && op.length == op.object_size && op.length <= kBytesMax &&
         op.etag.size() == kDigits && std::ranges::all_of(op.etag, is_hex) &&
         !(no_md5_ >= kNoMd5Max && no_md5_ > fitting_);
}

void BodyCheck::digest(std::span<const ByteSpan> bodies, std::span<Md5> digests) {
  if (bodies.size() > 1) return md5_many(bodies, digests);
  for (const ByteSpan body : bodies)
    std::memcpy(digests[0].data(), store::md5(as_text(body)).data(), digests[0].size());
}

BodyCheck::Verdict BodyCheck::judge(FetchOp& op, const Md5& digest) {
  if (is_same(digest, op.etag)) {
    fitting_ += 1;
    return Verdict::good;
  }
  if (!op.misfit) {
    op.misfit = digest;
    return Verdict::fetch_again;
  }
  if (digest != *op.misfit) return Verdict::damaged;
  no_md5_ += 1;
  return Verdict::good;
}

}  // namespace shoal::fetch
