// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <span>

#include "shoal/error.h"

// The upper waist: a volume is a read-only array of bytes, the EROFS image of one generation, whose
// data region is fetched from the bucket as it is read. A frontend translates a kernel protocol
// into these calls and nothing else; programs that want files without a mount use find/list as
// well.

namespace shoal {

struct VolumeStats {
  // What readers asked for.
  std::uint64_t reads = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t read_errors = 0;     // ended with an error (the reader saw EIO)
  std::uint64_t data_reads = 0;      // of these, in the data region
  std::uint64_t data_read_hits = 0;  // answered from memory or the cache file without waiting
  // What the bucket was asked for.
  std::uint64_t gets = 0;
  std::uint64_t get_bytes = 0;
  std::uint64_t get_errors = 0;       // after all retries
  std::uint64_t changed_objects = 0;  // If-Match failed: replaced since the index was built
  std::uint64_t misfit_bodies = 0;    // MD5 not that of the ETag: fetched again
  std::uint64_t throttled = 0;
  std::uint64_t requests_in_flight = 0;
  // Prefetch.
  std::uint64_t prefetched_bytes = 0;
  std::uint64_t prefetch_used_bytes = 0;
  std::uint64_t prefetch_wasted_bytes = 0;  // dropped without a reader
  // Cache.
  std::uint64_t cache_bytes = 0;
  std::uint64_t cache_bytes_max = 0;
  std::uint64_t cache_chunks_sealed = 0;
  std::uint64_t cache_chunks_evicted = 0;
  std::uint64_t cache_checksum_failures = 0;
  std::uint64_t cache_write_errors = 0;
  std::uint64_t buffer_bytes = 0;
};

struct VolumeInfo {
  std::string url;
  std::string endpoint;
  std::filesystem::path directory;
  std::uint64_t generation = 0;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t object_bytes = 0;
  std::uint64_t special_keys = 0;
  std::uint64_t image_bytes = 0;
  std::uint64_t metadata_bytes = 0;
  std::int64_t listed_at = 0;  // seconds since 1970
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  std::uint64_t size = 0;
  std::int64_t mtime = 0;
  std::uint64_t image_offset = 0;  // files: where the content lies in the image
};

// Thread model: synchronized. Completions run on a thread of the volume, exactly once, never from
// inside the call.
class Volume {
 public:
  using ReadDone = std::move_only_function<void(Result<void>)>;

  virtual ~Volume() = default;

  [[nodiscard]] virtual VolumeInfo info() const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;  // image bytes
  // Fills `target` with the image's bytes from `offset`; both ends inside the image. `target` is
  // borrowed until `done` has run. Past `deadline` the read ends with ErrorCode::timeout. Errors:
  // precondition (object replaced), not_found (object gone), unavailable, timeout, permission,
  // corrupt, closed.
  virtual void read(std::uint64_t offset, std::span<std::byte> target,
                    std::chrono::steady_clock::time_point deadline, ReadDone done) = 0;
  [[nodiscard]] virtual VolumeStats stats() const = 0;
  // The last few errors readers saw, newest first, one line each.
  [[nodiscard]] virtual std::vector<std::string> recent_errors() const = 0;

  // Paths are relative to the dataset's prefix; "" is its root. Blocking, from the index only.
  [[nodiscard]] virtual Result<DirectoryEntry> find(std::string_view path) const = 0;
  // Calls `visit` for each entry of one directory in name order; stops when it returns false.
  [[nodiscard]] virtual Result<void> list(
      std::string_view path, const std::function<bool(const DirectoryEntry&)>& visit) const = 0;
};

struct VolumeOptions {
  std::uint64_t cache_bytes_max = 20ull << 30;
  std::uint64_t buffer_bytes_max = 256ull << 20;
  std::uint32_t requests_in_flight_max = 256;
  std::uint32_t fetch_threads = 0;     // 0: one per two processors, at least one, at most 8
  double requests_per_second_max = 0;  // 0: no limit
  double bytes_per_second_max = 0;
  bool prefetch = true;
  // False: reads no cache file, writes none, takes no lock; may run beside the owner of the volume.
  bool use_cache = true;
};

// Opens the volume in `directory`, whose index and image are finished (see `shoal index build`).
// Credentials come from the environment and profile files; `profile` and `credentials_file` as on
// the command line, empty for the defaults. Fails with not_found (no volume there), precondition
// (locked by another process), unsupported (newer version), permission (no credentials), corrupt.
struct VolumeCredentials {
  std::string profile;
  std::filesystem::path credentials_file;
};
[[nodiscard]] Result<std::unique_ptr<Volume>> open_volume(const std::filesystem::path& directory,
                                                          const VolumeCredentials& credentials,
                                                          const VolumeOptions& options);

}  // namespace shoal
