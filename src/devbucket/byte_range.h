// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace shoal::devbucket {

enum class RangeKind { whole, part, unsatisfiable };
// S3 ignores a header it cannot understand; clips a range that ends too late; refuses one that
// starts too late. OSS answers the whole object to every range that is not entirely inside the
// object, unless the client asks for the standard behaviour.
enum class RangeRules { standard, oss_lenient };

struct ByteRange {
  RangeKind kind = RangeKind::whole;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const ByteRange&) const = default;
};

// What the value of a Range header means for an object of `object_bytes`. Pure.
[[nodiscard]] ByteRange parse_range(std::string_view header, std::uint64_t object_bytes,
                                    RangeRules rules);

}  // namespace shoal::devbucket
