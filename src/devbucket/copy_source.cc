// SPDX-License-Identifier: Apache-2.0
#include "devbucket/copy_source.h"

#include <cerrno>
#include <cstring>

#include "store/encoding.h"

namespace shoal::devbucket {

ApiResult<CopySource> open_copy_source(const Request& request, Buckets& buckets) {
  std::string_view header = request.service_header("copy-source");
  header = header.substr(0, header.find("?versionId="));
  const std::string decoded = store::percent_decode(header, false);
  std::string_view path = decoded;
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == path.size())
    return refuse(400, "InvalidArgument", "The copy source must be /bucket/key.");
  CopySource from;
  from.bucket = buckets.find(path.substr(0, slash));
  if (!from.bucket)
    return refuse(404, "NoSuchBucket", "The bucket of the copy source does not exist.");
  auto source = open_source(from.bucket, path.substr(slash + 1));
  if (!source) return refuse(std::move(source).error());
  from.source = std::move(*source);
  const std::string_view prefix =
      request.dialect == Dialect::oss ? "x-oss-copy-source-" : "x-amz-copy-source-";
  auto conditions =
      check_conditions(request, prefix, from.source.meta.etag, from.source.mtime_seconds);
  if (!conditions) return refuse(std::move(conditions).error());
  return from;
}

ApiResult<void> append_range(const ObjectSource& source, std::uint64_t offset, std::uint64_t length,
                             int target, CopySums& sums) {
  int error = 0;
  auto read = read_source(source, offset, length, [&](std::string_view piece) {
    sums.md5.add(piece);
    sums.crc64.add(piece);
    while (!piece.empty() && error == 0) {
      const ssize_t count = ::write(target, piece.data(), piece.size());
      if (count < 0 && errno != EINTR) error = errno;
      if (count > 0) piece.remove_prefix(static_cast<std::size_t>(count));
    }
  });
  if (!read) return read;
  if (error != 0)
    return refuse(error == ENOSPC ? 507 : 500, "InternalError",
                  std::string("write the copy to disk: ") + std::strerror(error));
  return {};
}

ApiResult<Copied> copy_range(const ObjectSource& source, std::uint64_t offset, std::uint64_t length,
                             int target) {
  CopySums sums;
  if (auto done = append_range(source, offset, length, target, sums); !done)
    return refuse(std::move(done).error());
  return Copied{store::hex(sums.md5.finish()), sums.crc64.value()};
}

}  // namespace shoal::devbucket
