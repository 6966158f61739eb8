// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "store/object_store.h"

// What all stores say about writes that do not go as asked, and what a service does on arrival, for
// the stores that have no service behind them. Pure. `what`: "put s3://bucket/key".

namespace shoal::store {

inline constexpr std::string_view kExistsRemedy = "The key exists already (--no-clobber).";
inline constexpr std::string_view kOtherVersionRemedy =
    "The key has another version than --if-match names: look with `shoal stat`.";

// Two sums of one body that should be the same: ErrorCode::corrupt, Retry::yes, naming both. `sum`:
// "MD5".
[[nodiscard]] Error wrong_sum(std::string_view what, std::string_view sum,
                              std::string_view expected, std::string_view found);
[[nodiscard]] Result<void> check_body(std::string_view what, ByteSpan body,
                                      const BodyChecks& checks);

// ErrorCode::precondition unless the condition holds. `present`: the key's version, null when it
// has no object.
[[nodiscard]] Result<void> check_condition(std::string_view what, const WriteCondition& condition,
                                           const ETag* present);

}  // namespace shoal::store
