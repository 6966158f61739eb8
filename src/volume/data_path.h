// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cache/budget.h"
#include "cache/cache_store.h"
#include "cache/file_io.h"
#include "fetch/chunk_owner.h"
#include "format/records.h"
#include "shoal/volume.h"
#include "store/governor.h"
#include "volume/prefetcher.h"
#include "volume/recent_errors.h"

namespace shoal::volume {

// One fetch thread as the data path sees it.
struct FetchThreadParts {
  LoopExecutor& executor;
  cache::FileIo& io;
  store::ObjectStore& store;
};

struct DataPathParts {
  std::vector<FetchThreadParts> threads;
  Executor& worker;
  const index::ChunkMap& map;
  cache::CacheStore* cache = nullptr;                             // null: memory only
  std::vector<std::pair<ChunkId, format::CacheRecord>> restored;  // what the cache file holds
  const store::Governor* governor = nullptr;
  int metadata_fd = -1;              // image file: the metadata region
  std::uint64_t metadata_bytes = 0;  // its size; zeros up to the data region
  format::Geometry geometry;
  DataAddress data_end;
  std::string key_prefix;
  Prefetcher::MakePolicy make_policy;  // empty: no prefetch
  bool direct = false;                 // exactly the blocks that are read
  Recorder* recorder = nullptr;        // of the order of reads; or null
  std::uint32_t requests_in_flight_max = 0;
  std::uint64_t buffer_bytes_max = 0;
};

// The image as bytes: splits reads at the metadata region's end and at chunks, hands the parts to
// the fetch threads and puts the outcome together. Chunk c belongs to thread c modulo their number.
// It knows executors, not threads, so that tests/sim can run all of it under virtual time.
//
// Thread model: synchronized. All parts outlive it.
class DataPath {
 public:
  explicit DataPath(DataPathParts parts);
  // Precondition: closed, or never used.
  ~DataPath();
  DataPath(const DataPath&) = delete;
  DataPath& operator=(const DataPath&) = delete;

  [[nodiscard]] std::uint64_t size() const {
    return format::kDataRegionStart + round_up(parts_.data_end.value, parts_.geometry.block_bytes);
  }
  void read(std::uint64_t offset, std::span<std::byte> target,
            std::chrono::steady_clock::time_point deadline, Volume::ReadDone done);
  // The range must lie in the data region.
  void warm(const WarmRequest& request, std::chrono::steady_clock::time_point deadline,
            Volume::WarmDone done);
  void unpin(std::uint64_t offset, std::uint64_t bytes);
  [[nodiscard]] VolumeStats stats() const;
  [[nodiscard]] Prefetcher& prefetcher() { return prefetcher_; }
  [[nodiscard]] std::vector<std::string> recent_errors() const { return errors_.newest_first(); }

  // Reads may finish until `deadline`, then fail with `closed`; fetched bytes go to the cache.
  // `done` runs on the first thread; afterwards nothing of the data path is in use. Call once.
  void close(TimePoint deadline, Task done);

 private:
  class Job;
  class WarmJob;
  friend class Job;
  void read_metadata(Job& job, std::uint64_t offset, MutableByteSpan target);
  void refuse(std::uint64_t offset, std::size_t bytes, Volume::ReadDone done);
  void start_job(fetch::ReadPart::Kind kind, const WarmRequest& request, TimePoint deadline,
                 Volume::WarmDone done);
  void release_hold();
  void on_all_closed();

  DataPathParts parts_;
  cache::Budget requests_;
  cache::Budget buffers_;
  RecentErrors errors_;
  Prefetcher prefetcher_;
  std::vector<std::unique_ptr<fetch::ChunkOwner>> owners_;
  std::atomic<std::size_t> holds_{0};  // owners not closed, metadata reads under way
  Task closed_;

  struct ReadCounters {  // relaxed: gauges for people
    std::atomic<std::uint64_t> reads{0}, bytes{0}, errors{0}, data_reads{0}, hits{0};
  } counters_;
};

}  // namespace shoal::volume
