// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fetch/chunk_owner.h"
#include "sim/support/faulty_files.h"
#include "sim/support/oracle_dataset.h"
#include "sim/support/oracle_store.h"
#include "sim/support/virtual_time.h"

namespace shoal::sim {

struct OwnerWorldOptions {
  std::uint64_t seed = 1;
  std::uint32_t owners = 1;
  format::Geometry geometry{4096, 64u << 10};
  std::vector<std::uint64_t> sizes{};
  OracleObject::ETagKind etag_kind = OracleObject::ETagKind::number;
  OracleBehaviour bucket{std::chrono::milliseconds(20), std::chrono::milliseconds(20), 0, {}, 0, 0};
  FileBehaviour files{};
  Duration post_jitter{};
  bool use_cache = true;
  bool direct = false;
  bool retry = false;  // the store's retry wrapper around the bucket
  std::uint64_t cache_bytes_max = 1ull << 30;
  std::uint64_t buffer_bytes_max = 16u << 20;
  std::uint32_t requests_in_flight_max = 64;
};

class OwnerWorld;

// One part as a test made it, and what came of it.
struct Part final : fetch::ReadPart {
  void on_done(Result<void> result) override;

  OwnerWorld* world = nullptr;
  std::vector<std::byte> memory;
  TimePoint started{};
  TimePoint ended{};
  bool done = false;
  std::optional<Error> failure;
};

// Chunk owners without the volume above them: for what only an owner can be asked. Chunk c belongs
// to owner c modulo their number. Proposes nothing by itself.
class OwnerWorld {
 public:
  explicit OwnerWorld(OwnerWorldOptions options);
  ~OwnerWorld();  // closes

  // The range lies in one chunk; the part lives as long as the world.
  Part& read(DataAddress begin, std::uint32_t bytes, Duration timeout = std::chrono::seconds(60));
  Part& warm(DataAddress begin, std::uint32_t bytes, bool pin = false,
             Duration timeout = std::chrono::seconds(600));
  Part& check(DataAddress begin, std::uint32_t bytes);
  Part& unpin(DataAddress begin);
  // The part of the object that lies in its first chunk.
  Part& read_object(std::size_t number, Duration timeout = std::chrono::seconds(60));
  Part& warm_object(std::size_t number, bool pin = false);
  Part& check_object(std::size_t number);
  [[nodiscard]] std::uint32_t first_bytes(std::size_t number) const;
  void prefetch(DataAddress begin, std::uint32_t bytes);

  // Runs until every part has ended; false when one has not within an hour of virtual time.
  [[nodiscard]] bool settle();
  void run_for(Duration time);
  // "" when the part succeeded, a read with the right bytes; else what is wrong with it.
  [[nodiscard]] std::string fault_of(const Part& part) const;
  // "" when every part so far succeeded; forgets them.
  [[nodiscard]] std::string faults();

  void close();
  void restart();
  // As after kill -9 now.
  void kill_and_restart();
  void open();
  [[nodiscard]] std::string leaks() const { return leaks_; }

  [[nodiscard]] fetch::ChunkOwner& owner(std::size_t number = 0) { return *owners_[number]; }
  [[nodiscard]] fetch::ChunkOwner& owner_of(ChunkId chunk) {
    return *owners_[chunk.value % owners_.size()];
  }
  [[nodiscard]] std::uint64_t sum(fetch::Counter fetch::Counters::*counter) const;
  [[nodiscard]] cache::CacheStore& cache() { return *cache_; }
  [[nodiscard]] std::uint64_t buffer_bytes() const { return buffers_->used(); }
  [[nodiscard]] std::uint64_t requests_in_flight() const { return requests_->used(); }
  [[nodiscard]] std::filesystem::path cache_file() const { return directory_.path() / file_name_; }
  // What the disk has given out for the cache file.
  [[nodiscard]] std::uint64_t disk_bytes() const;

  OwnerWorldOptions options;
  OracleBucket bucket;
  OracleDataset dataset;
  Scheduler scheduler;
  std::unique_ptr<MemoryRecords> records;
  std::deque<SimExecutor> executors;
  std::deque<OracleStore> stores;
  std::deque<FaultyFiles> files;
  std::deque<Part> parts;
  std::vector<fetch::Observation> seen;  // what the owners told
  std::uint64_t unfinished = 0;

 private:
  struct Observer final : fetch::Observer {
    OwnerWorld* world = nullptr;
    void on_observations(std::uint32_t, std::vector<fetch::Observation>& batch) override {
      world->seen.insert(world->seen.end(), batch.begin(), batch.end());
    }
  };
  Part& start(Part& part, DataAddress begin, Duration timeout);

  TemporaryDirectory directory_;
  std::string file_name_ = "data0";
  std::uint64_t starts_ = 0;
  Observer observer_;
  std::optional<SimExecutor> worker_;
  std::optional<cache::Budget> requests_;
  std::optional<cache::Budget> buffers_;
  std::vector<std::unique_ptr<store::ObjectStore>> retries_;
  std::unique_ptr<cache::CacheStore> cache_;
  std::vector<std::unique_ptr<fetch::ChunkOwner>> owners_;
  std::string leaks_;
};

inline constexpr char kOwnerPrefix[] = "data/set/";

}  // namespace shoal::sim
