// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "devbucket/buckets.h"
#include "devbucket/response.h"

namespace shoal::devbucket {

// An object of either kind of bucket, open for reading. confined.
struct ObjectSource {
  ObjectBytes bytes;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_seconds = 0;
  ObjectMeta meta;
};
[[nodiscard]] ApiResult<ObjectSource> open_source(const BucketRef& bucket, std::string_view key);

// Hands `length` bytes from `offset` on to `sink`, piece by piece.
[[nodiscard]] ApiResult<void> read_source(const ObjectSource& source, std::uint64_t offset,
                                          std::uint64_t length,
                                          const std::function<void(std::string_view)>& sink);

// The If-* headers of a request against an object, in the order of RFC 9110. `prefix` is "" or, for
// the source of a copy, "x-amz-copy-source-". NotModified counts as a refusal.
[[nodiscard]] ApiResult<void> check_conditions(const Request& request, std::string_view prefix,
                                               std::string_view etag, std::int64_t mtime_seconds);

// What a write's headers want of the object it replaces: If-Match, If-None-Match: * and
// x-oss-forbid-overwrite; nothing when there are none. Holds on to the request.
[[nodiscard]] DiskBucket::Condition write_condition(const Request& request);

// The headers of a request that are kept with an object.
[[nodiscard]] ApiResult<std::vector<std::pair<std::string, std::string>>> kept_headers(
    const Request& request);

// The ETag as the dialect writes it, in quotes.
[[nodiscard]] std::string quoted_etag(std::string_view etag, Dialect dialect);

}  // namespace shoal::devbucket
