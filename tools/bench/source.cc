// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/source.h"

namespace shoal::tools::bench {

std::string_view name_of(SourceKind kind) noexcept {
  switch (kind) {
    case SourceKind::directory:
      return "directory";
    case SourceKind::mount:
      return "mount";
    case SourceKind::volume:
      return "volume";
    case SourceKind::bucket:
      return "bucket";
  }
  return "?";
}

std::string_view name_of(CacheState state) noexcept {
  switch (state) {
    case CacheState::as_is:
      return "as-is";
    case CacheState::warm:
      return "warm";
    case CacheState::page_cache_dropped:
      return "page-cache-dropped";
    case CacheState::cold:
      return "cold";
  }
  return "?";
}

Traffic traffic_of(const VolumeStats& stats) {
  return {.gets = stats.gets,
          .hedged_gets = stats.hedged_gets,
          .get_bytes = stats.get_bytes,
          .throttled = stats.throttled,
          .prefetched_bytes = stats.prefetched_bytes,
          .prefetch_wasted_bytes = stats.prefetch_wasted_bytes};
}

Result<std::unique_ptr<Source>> open_source(const std::string& text, const SourceOptions& options) {
  if (text.find("://") != std::string::npos) return open_bucket_source(text, options);
  std::error_code status;
  const std::filesystem::path path = text;
  const auto type = std::filesystem::status(path, status).type();
  if (type == std::filesystem::file_type::not_found)
    return fail(ErrorCode::not_found, "bench " + text + ": there is no such directory",
                "Name a directory, a volume's directory, or a URL such as s3://bucket/prefix.");
  if (status)
    return fail(ErrorCode::io, "bench " + text + ": " + status.message(),
                "Check that the file system there is alive and may be read.");
  if (type != std::filesystem::file_type::directory)
    return fail(ErrorCode::bad_input, "bench " + text + ": it is not a directory",
                "Name the directory of the files, a volume's directory, or a URL.");
  // A data set may have a directory "index", too, but that is no database.
  if (std::filesystem::is_regular_file(path / "index" / "CURRENT", status) &&
      std::filesystem::is_directory(path / "image", status))
    return open_volume_source(text, options);
  return open_directory_source(text, options);
}

}  // namespace shoal::tools::bench
