// SPDX-License-Identifier: Apache-2.0
#include "store/write_checks.h"

#include <fmt/format.h>

#include "base/crc64.h"
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
  if (checks.crc64)
    if (const std::uint64_t found = crc64_xz(body); found != *checks.crc64)
      return fail(wrong_sum(what, "CRC-64", std::to_string(*checks.crc64), std::to_string(found)));
  return {};
}

Result<void> check_condition(std::string_view what, const WriteCondition& condition,
                             const ETag* present) {
  if (condition.if_absent && present != nullptr)
    return fail(ErrorCode::precondition, fmt::format("{}: the object exists already", what),
                std::string(kExistsRemedy));
  if (condition.if_match.empty()) return {};
  if (present == nullptr)
    return fail(
        ErrorCode::precondition,
        fmt::format("{}: there is no object, where version {} must be", what, condition.if_match),
        std::string(kOtherVersionRemedy));
  if (*present != condition.if_match)
    return fail(
        ErrorCode::precondition,
        fmt::format("{}: the object's version is {}, not {}", what, *present, condition.if_match),
        std::string(kOtherVersionRemedy));
  return {};
}

}  // namespace shoal::store
