// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "devbucket/checksums.h"
#include "devbucket/object_source.h"

// Copying objects into staged files: CopyObject, UploadPartCopy, AppendObject, and joining parts.

namespace shoal::devbucket {

struct CopySource {
  ObjectSource source;
  BucketRef bucket;  // keeps it open
};
// The object that x-amz-copy-source (x-oss-copy-source) names, if its conditions hold.
[[nodiscard]] ApiResult<CopySource> open_copy_source(const Request& request, Buckets& buckets);

struct CopySums {
  Digest md5{Digest::Kind::md5};
  Crc64Xz crc64;
};
// Appends a range of `source` to the file and to the sums.
[[nodiscard]] ApiResult<void> append_range(const ObjectSource& source, std::uint64_t offset,
                                           std::uint64_t length, int target, CopySums& sums);

struct Copied {
  std::string md5_hex;
  std::uint64_t crc64 = 0;
};
[[nodiscard]] ApiResult<Copied> copy_range(const ObjectSource& source, std::uint64_t offset,
                                           std::uint64_t length, int target);

}  // namespace shoal::devbucket
