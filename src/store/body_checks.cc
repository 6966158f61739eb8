// SPDX-License-Identifier: Apache-2.0
#include "store/body_checks.h"

#include <fmt/format.h>

#include "store/encoding.h"

namespace shoal::store {

Error wrong_sum(std::string_view what, std::string_view sum, std::string_view expected,
                std::string_view found) {
  return Error(ErrorCode::corrupt,
               fmt::format("{}: the {} of what arrived is {}, not {}", what, sum, found, expected),
               "The bytes changed on their way or in memory: a broken network card, proxy or "
               "memory module.")
      .with_retry(Retry::yes);
}

Result<void> check_body(std::string_view what, ByteSpan body, const BodyChecks& checks) {
  if (checks.md5) {
    const std::string expected = hex(as_text(*checks.md5));
    const std::string found = hex(md5(as_text(body)));
    if (found != expected) return fail(wrong_sum(what, "MD5", expected, found));
  }
  return {};
}

}  // namespace shoal::store
