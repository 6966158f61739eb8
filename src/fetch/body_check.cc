// SPDX-License-Identifier: Apache-2.0
#include "fetch/body_check.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "store/encoding.h"

namespace shoal::fetch {
namespace {

constexpr std::size_t kDigits = 32;
constexpr std::uint64_t kNoMd5Max = 4;  // ETags that are something else, before the check may end

bool is_hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

// OSS writes ETags in upper case.
bool is_same_hex(const std::string& lower, const std::string& any) {
  return std::ranges::equal(lower, any, {}, {}, [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
}

}  // namespace

bool BodyCheck::covers(const FetchOp& op) const {
  return op.object_offset == 0 && op.length == op.object_size && op.length <= kBytesMax &&
         op.etag.size() == kDigits && std::ranges::all_of(op.etag, is_hex) &&
         !(no_md5_ >= kNoMd5Max && no_md5_ > fitting_);
}

BodyCheck::Verdict BodyCheck::judge(FetchOp& op, ByteSpan body) {
  std::string digest = store::hex(
      store::md5(std::string_view(reinterpret_cast<const char*>(body.data()), body.size())));
  if (is_same_hex(digest, op.etag)) {
    fitting_ += 1;
    return Verdict::good;
  }
  if (op.misfit.empty()) {
    op.misfit = std::move(digest);
    return Verdict::fetch_again;
  }
  if (digest != op.misfit) return Verdict::damaged;
  no_md5_ += 1;
  return Verdict::good;
}

}  // namespace shoal::fetch
