// SPDX-License-Identifier: Apache-2.0
// Question: how many files per second does one cold walker get from a bucket that answers in 20 ms?
// Real threads, rings and cache files; the bucket is simulated with a delay, so that no server
// takes part of the machine. Fails when the walk does not cost exactly one GET per object.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <optional>

#include "prefetch/policy_set.h"
#include "sim/support/faulty_files.h"
#include "sim/support/oracle_dataset.h"
#include "sim/support/oracle_store.h"
#include "sys/file.h"
#include "volume/data_path.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

constexpr format::Geometry kGeometry{4096, 4u << 20};

// A data path on real fetch threads.
class Bench {
 public:
  Bench(std::vector<std::uint64_t> sizes, Duration latency, std::uint32_t threads)
      : dataset_(bucket_, "", kGeometry, sizes), worker_(std::in_place, "bench-disk", threads) {
    cache_ = std::move(*cache::CacheStore::open({.path = directory_.path() / "data",
                                                 .layout_id = 1,
                                                 .geometry = kGeometry,
                                                 .data_end = dataset_.data_end(),
                                                 .bytes_max = 8ull << 30},
                                                records_, [](ChunkId, const auto&) {}));
    std::vector<volume::FetchThreadParts> parts;
    for (std::uint32_t i = 0; i < threads; ++i) {
      loops_.push_back(std::move(*sys::LoopThread::start("bench-fetch", {})));
      sys::Loop& loop = loops_.back()->loop();
      files_.push_back(std::make_unique<cache::LoopFileIo>(loop));
      stores_.push_back(std::make_unique<sim::OracleStore>(
          bucket_, loop, sim::OracleBehaviour{latency, latency, 0, {}, 0, 0}, i));
      parts.push_back({loop, *files_.back(), *stores_.back()});
    }
    path_ = std::make_unique<volume::DataPath>(volume::DataPathParts{
        .threads = std::move(parts),
        .worker = *worker_,
        .map = dataset_,
        .cache = cache_.get(),
        .restored = {},
        .governor = nullptr,
        .metadata_fd = -1,
        .metadata_bytes = 0,
        .geometry = kGeometry,
        .data_end = dataset_.data_end(),
        .key_prefix = {},
        .make_policy =
            [end = dataset_.data_end()](prefetch::Proposals& proposals) {
              return prefetch::PolicySet::make({.geometry = kGeometry, .data_end = end}, proposals,
                                               /*catalog=*/nullptr);
            },
        .requests_in_flight_max = 256,
        .buffer_bytes_max = 256ull << 20});
  }
  ~Bench() {
    std::promise<void> promise;
    const std::future<void> closed = promise.get_future();
    path_->close(system_clock().now() + 5s,
                 [promise = std::move(promise)]() mutable { promise.set_value(); });
    closed.wait();
    worker_.reset();
    for (const auto& loop : loops_) {
      std::promise<void> turn;
      const std::future<void> ended = turn.get_future();
      loop->loop().post([turn = std::move(turn)]() mutable { turn.set_value(); });
      ended.wait();
    }
  }
  // Blocks until the read has ended.
  void read(DataAddress address, MutableByteSpan target) {
    std::atomic<bool> done{false};
    path_->read(format::kDataRegionStart + address.value, target, system_clock().now() + 60s,
                [&done](Result<void> result) {
                  if (!result) std::abort();
                  done.store(true);
                  done.notify_one();
                });
    done.wait(false);
  }
  [[nodiscard]] const sim::OracleDataset& dataset() const { return dataset_; }
  [[nodiscard]] volume::DataPath& path() { return *path_; }
  [[nodiscard]] std::uint64_t gets() const { return bucket_.gets; }

 private:
  sim::TemporaryDirectory directory_;
  sim::OracleBucket bucket_;
  sim::OracleDataset dataset_;
  sim::MemoryRecords records_;
  std::unique_ptr<cache::CacheStore> cache_;
  std::optional<sys::WorkerPool> worker_;
  std::vector<std::unique_ptr<cache::LoopFileIo>> files_;
  std::vector<std::unique_ptr<sys::LoopThread>> loops_;
  std::vector<std::unique_ptr<sim::OracleStore>> stores_;
  std::unique_ptr<volume::DataPath> path_;
};

void cold_walk_20000_files(benchmark::State& state) {
  constexpr std::size_t kFiles = 20000;
  Rng rng(1);
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < kFiles; ++i) sizes.push_back(1024 + rng.below(15 * 1024));
  std::uint64_t gets = 0;
  for (auto step : state) {
    static_cast<void>(step);
    Bench bench(sizes, 20ms, static_cast<std::uint32_t>(state.range(0)));
    std::vector<std::byte> target(16384);
    for (const auto& placed : bench.dataset().objects())
      bench.read(placed.address, MutableByteSpan(target).first(placed.object.size));
    gets = bench.gets();
  }
  state.counters["gets_per_object"] = static_cast<double>(gets) / kFiles;
  if (gets != kFiles) state.SkipWithError("a cold walk must cost one GET per object");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kFiles));
}
BENCHMARK(cold_walk_20000_files)
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace shoal

BENCHMARK_MAIN();
