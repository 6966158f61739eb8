// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "store/object_store.h"

namespace shoal::store {

// Two sums of one body that must be the same, in words: ErrorCode::corrupt, Retry::yes, naming
// both. `sum`: "MD5". `what`: "put s3://bucket/key". Pure.
[[nodiscard]] Error wrong_sum(std::string_view what, std::string_view sum,
                              std::string_view expected, std::string_view found);

// What a service does with the checks on arrival, for the stores that have no service behind them.
// Pure.
[[nodiscard]] Result<void> check_body(std::string_view what, ByteSpan body,
                                      const BodyChecks& checks);

}  // namespace shoal::store
