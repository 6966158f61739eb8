// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "prefetch/walk_order.h"
#include "sim/support/faulty_files.h"
#include "sim/support/oracle_dataset.h"
#include "sim/support/oracle_store.h"
#include "sim/support/virtual_time.h"
#include "sys/file.h"
#include "volume/data_path.h"

namespace shoal::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::uint32_t threads = 1;
  format::Geometry geometry{4096, 64u << 10};
  std::vector<std::uint64_t> sizes;
  OracleObject::ETagKind etag_kind = OracleObject::ETagKind::number;
  OracleBehaviour bucket{std::chrono::milliseconds(20), std::chrono::milliseconds(20), 0, {}, 0, 0};
  FileBehaviour files;
  Duration post_jitter{};
  bool use_cache = true;
  bool prefetch = false;
  std::uint64_t cache_bytes_max = 1ull << 30;
  std::uint64_t buffer_bytes_max = 16u << 20;
  std::uint32_t requests_in_flight_max = 64;
  std::uint64_t layout_id = 7;
};

// A read as a test made it, and what came of it.
struct Outcome {
  std::uint64_t offset = 0;  // image offset
  std::vector<std::byte> bytes;
  bool done = false;
  std::optional<Error> error;
  TimePoint ended{};
};

// The whole data path of a volume on simulated threads, a simulated bucket and real cache files in
// a temporary directory. Restarting keeps bucket, dataset, records and files.
class World {
 public:
  explicit World(WorldOptions options);
  ~World();  // closes

  // Starts a read of the data region; the outcome lives as long as the world.
  Outcome& read(DataAddress address, std::size_t bytes,
                Duration timeout = std::chrono::seconds(60));
  Outcome& read_object(std::size_t number, Duration timeout = std::chrono::seconds(60));
  Outcome& read_image(std::uint64_t offset, std::size_t bytes, Duration timeout);
  // Runs until every read has ended; false when one has not within an hour of virtual time.
  [[nodiscard]] bool settle();
  // Runs for so much virtual time.
  void run_for(Duration time);
  // "" when the outcome is a success with the right bytes, else what is wrong with it.
  [[nodiscard]] std::string fault_of(const Outcome& outcome) const;

  void close();    // in order; false budgets are reported by leaks()
  void restart();  // close and open again
  // As after kill -9 now: what the files and records hold at this moment is all that is left.
  void kill_and_restart();
  void open();
  // After close(): what should be zero and is not; "" when all is well.
  [[nodiscard]] std::string leaks() const { return leaks_; }

  [[nodiscard]] volume::DataPath& path() { return *path_; }
  [[nodiscard]] VolumeStats stats() const { return path_->stats(); }
  [[nodiscard]] std::filesystem::path cache_file() const { return directory_.path() / file_name_; }

  WorldOptions options;
  OracleBucket bucket;
  OracleDataset dataset;
  Scheduler scheduler;
  std::unique_ptr<MemoryRecords> records;
  std::deque<SimExecutor> executors;
  std::deque<OracleStore> stores;
  std::deque<FaultyFiles> files;
  std::deque<Outcome> outcomes;
  std::uint64_t unfinished = 0;

 private:
  TemporaryDirectory directory_;
  std::string file_name_ = "data0";
  std::uint64_t starts_ = 0;
  std::optional<SimExecutor> worker_;
  std::optional<sys::File> metadata_;
  std::unique_ptr<cache::CacheStore> cache_;
  std::unique_ptr<volume::DataPath> path_;
  std::string leaks_;
};

inline constexpr char kPrefix[] = "data/set/";

}  // namespace shoal::sim
