// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/activity.h"
#include "shoal/error.h"

// The upper waist: a volume is a read-only array of bytes, the EROFS image of one generation, whose
// data region is fetched from the bucket as it is read. A frontend translates a kernel protocol
// into these calls and nothing else; programs that want files without a mount use find/list as
// well.

namespace shoal::sys {
class Loop;
}

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
  // Begun a second time because the first was slow; also in `gets`. One whose first was answered
  // before it had a connection never reaches the bucket.
  std::uint64_t hedged_gets = 0;
  std::uint64_t hedges_won = 0;  // of these, answered first
  std::uint64_t connections_opened = 0;
  // Prefetch.
  std::uint64_t prefetched_bytes = 0;
  std::uint64_t prefetch_used_bytes = 0;
  std::uint64_t prefetch_wasted_bytes = 0;  // dropped without a reader
  std::uint64_t warmed_bytes = 0;           // fetched by warm()
  // Cache.
  std::uint64_t cache_bytes = 0;
  std::uint64_t cache_bytes_max = 0;
  std::uint64_t cache_pinned_bytes = 0;
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

// A shuffled epoch by the published rule (README, "Shuffled epochs"): anyone who knows seed, epoch
// and the index knows the order.
struct ShuffledEpoch {
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::uint64_t group_bytes = 128ull << 20;  // files are shuffled within groups of chunks
};

// The order in which files are going to be read.
struct ReadOrder {
  std::filesystem::path list;  // one path per line, relative to the dataset; or empty
  std::optional<ShuffledEpoch> shuffle;
  bool append = false;    // goes on behind the order in force: the next epoch
  bool is_guess = false;  // a trace of an earlier run: given up when it does not come true
};

// What prefetch is doing, for people.
struct PolicyStatus {
  std::string name;
  std::string state;  // "on", "off", or how far it has turned itself down
  std::uint64_t proposed_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t wasted_bytes = 0;
};
struct PrefetchStatus {
  std::vector<PolicyStatus> policies;
  std::string eviction;             // "scan-resistant", "keep" or "next-use"
  std::uint64_t order_files = 0;    // of the order in force, found in the index so far; 0: none
  std::uint64_t order_missing = 0;  // names in it that the dataset does not have
  std::uint64_t order_position = 0;
  bool order_stopped = false;  // a guess that did not come true
  std::uint64_t recorded_files = 0;
};

struct WarmRequest {
  std::uint64_t offset = 0;  // in the image's data region, as DirectoryEntry::image_offset
  std::uint64_t bytes = 0;
  bool pin = false;         // is not evicted until unpin(), also by a later process
  bool check_only = false;  // fetches nothing: says what is there
};
struct WarmOutcome {
  std::uint64_t present_bytes = 0;  // were there before
  std::uint64_t fetched_bytes = 0;
};

// Thread model: synchronized. Completions run on a thread of the volume, exactly once, never from
// inside the call.
class Volume {
 public:
  using ReadDone = std::move_only_function<void(Result<void>)>;
  using WarmDone = std::move_only_function<void(Result<WarmOutcome>)>;

  virtual ~Volume() = default;

  [[nodiscard]] virtual VolumeInfo info() const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;  // image bytes
  // Fills `target` with the image's bytes from `offset`; both ends inside the image. `target` is
  // borrowed until `done` has run. Past `deadline` the read ends with ErrorCode::timeout. Errors:
  // precondition (object replaced), not_found (object gone), unavailable, timeout, permission,
  // corrupt, closed.
  virtual void read(std::uint64_t offset, std::span<std::byte> target,
                    std::chrono::steady_clock::time_point deadline, ReadDone done) = 0;
  // Brings a range into the cache when no reader has anything more urgent to do. The caller bounds
  // how many are under way (some hundreds keep the bucket busy). Errors as read(), and `limit` when
  // a pin would leave too little of the cache to work with.
  virtual void warm(const WarmRequest& request, std::chrono::steady_clock::time_point deadline,
                    WarmDone done) = 0;
  virtual void unpin(std::uint64_t offset, std::uint64_t bytes) = 0;
  // The loop of the only thread that answers reads, as long as the volume lives; null: there are
  // several. Reads begun on it are answered without a change of threads. Not for work that blocks.
  [[nodiscard]] virtual sys::Loop* loop() { return nullptr; }
  // Says in which order files are going to be read. Opens the list, then returns; names are looked
  // up in the background while reading may begin. Errors: not_found, bad_input, unsupported (opened
  // without prefetch).
  [[nodiscard]] virtual Result<void> set_order(const ReadOrder& order) = 0;
  [[nodiscard]] virtual PrefetchStatus prefetch_status() const = 0;
  [[nodiscard]] virtual VolumeStats stats() const = 0;
  // Nothing, where no bucket is asked over the network.
  [[nodiscard]] virtual StoreActivity store_activity() const { return {}; }
  // The last few errors readers saw, newest first, one line each.
  [[nodiscard]] virtual std::vector<std::string> recent_errors() const = 0;

  // Paths are relative to the dataset's prefix; "" is its root. Blocking, from the index only.
  [[nodiscard]] virtual Result<DirectoryEntry> find(std::string_view path) const = 0;
  // Calls `visit` for each entry of one directory in name order; stops when it returns false.
  [[nodiscard]] virtual Result<void> list(
      std::string_view path, const std::function<bool(const DirectoryEntry&)>& visit) const = 0;
};

enum class PrefetchMode : std::uint8_t {
  automatic,  // patterns are recognised and fetched ahead
  off,        // nothing is fetched ahead of a reader; small objects are fetched whole
  direct,     // exactly the blocks a reader asks for, not one byte more
};

struct VolumeOptions {
  std::uint64_t cache_bytes_max = 20ull << 30;
  std::uint64_t buffer_bytes_max = 256ull << 20;
  std::uint32_t requests_in_flight_max = 256;
  std::uint32_t fetch_threads = 0;     // 0: one per two processors, at least one, at most 8
  double requests_per_second_max = 0;  // 0: no limit
  double bytes_per_second_max = 0;
  PrefetchMode prefetch = PrefetchMode::automatic;
  std::optional<ReadOrder> order{};
  // Where to write the order in which files are first read, for a later run's ReadOrder; or empty.
  std::filesystem::path record_file{};
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
