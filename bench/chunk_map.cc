// SPDX-License-Identifier: Apache-2.0
// Question: how long does it take to learn which objects lie in a chunk, in the index of a million
// objects? In address order (a walk), and at random (a shuffled epoch).
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/rng.h"
#include "index/build.h"
#include "unit/index/invented_store.h"
#include "unit/index/serial_executor.h"

namespace shoal {
namespace {

constexpr std::uint64_t kObjects = 1'000'000;

// 5,000 symbols x 200 days.
std::string key_of(std::uint64_t i) {
  char text[64];
  std::snprintf(text, sizeof text, "p/S%05llu/2024-%03llu.csv",
                static_cast<unsigned long long>(i / 200), static_cast<unsigned long long>(i % 200));
  return text;
}

// An index of a million invented objects, built once for all benches of this program.
class MillionObjects {
 public:
  MillionObjects() {
    char folder[] = "/tmp/shoal-bench-chunk-map-XXXXXX";
    if (mkdtemp(folder) == nullptr) fail("no temporary directory");
    folder_ = folder;
    index::SerialExecutor executor;
    index::InventedStore store(key_of, kObjects, executor);
    auto opened = index::Index::open(folder_ / "index", index::Index::Mode::create);
    if (!opened) fail(opened.error().to_string().c_str());
    index_ = std::move(*opened);
    format::DatasetRecord dataset;
    dataset.url = "s3://bucket/p/";
    const auto built = index::build(*index_, dataset, "p/", store, executor, {});
    if (!built) fail(built.error().to_string().c_str());
    while (index_->chunk(ChunkId{chunks_})) ++chunks_;
    if (chunks_ == 0) fail("the index has no chunk");
  }
  MillionObjects(const MillionObjects&) = delete;
  MillionObjects& operator=(const MillionObjects&) = delete;
  ~MillionObjects() {
    index_.reset();
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] const index::Index& index() const { return *index_; }
  [[nodiscard]] std::uint64_t chunks() const { return chunks_; }

 private:
  [[noreturn]] void fail(const char* why) {
    std::fprintf(stderr, "chunk_map: %s\n", why);
    index_.reset();
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
    std::exit(1);
  }
  std::filesystem::path folder_;
  std::unique_ptr<index::Index> index_;
  std::uint64_t chunks_ = 0;
};

const MillionObjects& million() {
  static const MillionObjects objects;
  return objects;
}

template <typename Next>
void look_up(benchmark::State& state, const Next& next) {
  std::int64_t extents = 0;
  million();  // built before the clock runs
  for (auto step : state) {
    static_cast<void>(step);
    const auto record = million().index().chunk(ChunkId{next()});
    if (!record) return state.SkipWithError(record.error().to_string().c_str());
    extents += static_cast<std::int64_t>(record->extents.size());
  }
  state.SetItemsProcessed(extents);
  state.counters["chunks"] = static_cast<double>(million().chunks());
}

void chunk_in_address_order(benchmark::State& state) {
  std::uint64_t at = 0;
  look_up(state, [&] { return at++ % million().chunks(); });
}
BENCHMARK(chunk_in_address_order)->Unit(benchmark::kMicrosecond);

void chunk_at_random(benchmark::State& state) {
  Rng rng(1);
  look_up(state, [&] { return rng.below(million().chunks()); });
}
BENCHMARK(chunk_at_random)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace shoal

BENCHMARK_MAIN();
