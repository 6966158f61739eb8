// SPDX-License-Identifier: Apache-2.0
// Question: what do the parts of an index build cost per object: its record, its extent, sorting
// and ingesting it, its inode and directory entry? The whole is bench/build_index.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>

#include "format/records.h"
#include "image/writer.h"
#include "index/database.h"
#include "index/sorted_run.h"
#include "index/staging.h"
#include "unit/image/fake_index.h"

namespace {

using namespace shoal;

void count_objects(benchmark::State& state, std::uint64_t per_iteration) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * per_iteration));
}

format::ObjectRecord object() {
  return {.size = 8192,
          .mtime = 1'700'000'000,
          .etag = "0123456789abcdef0123456789abcdef",
          .address = {1ull << 33}};
}

void encode_object(benchmark::State& state) {
  const format::ObjectRecord record = object();
  for (auto _ : state) benchmark::DoNotOptimize(format::encode(record));
  count_objects(state, 1);
}
BENCHMARK(encode_object);

void decode_object(benchmark::State& state) {
  const std::string bytes = format::encode(object());
  format::ObjectRecord record;
  for (auto _ : state) {
    if (!format::decode_into(bytes, record)) state.SkipWithError("it is no record");
    benchmark::DoNotOptimize(record);
  }
  count_objects(state, 1);
}
BENCHMARK(decode_object);

constexpr std::uint64_t kExtents = 512;  // of 8 KiB in a chunk of 4 MiB

std::string chunk() {
  std::string bytes;
  for (std::uint32_t i = 0; i < kExtents; ++i)
    format::append_extent({.path = "AAPL/2024-06-07.csv",
                           .etag = object().etag,
                           .object_size = 8192,
                           .chunk_offset = i * 8192,
                           .length = 8192},
                          bytes);
  return bytes;
}
void encode_chunk(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(chunk());
  count_objects(state, kExtents);
}
BENCHMARK(encode_chunk);

void decode_chunk(benchmark::State& state) {
  const std::string bytes = chunk();
  for (auto _ : state) {
    const auto record = format::decode<format::ChunkRecord>(bytes);
    if (!record) state.SkipWithError("it is no chunk");
    benchmark::DoNotOptimize(record);
  }
  count_objects(state, kExtents);
}
BENCHMARK(decode_chunk);

// Pages of 1000 keys from 16 ranges in turn, until the run is as large as those of a listing.
void ingest_run(benchmark::State& state) {
  constexpr std::uint64_t kRanges = 16;
  constexpr std::uint64_t kObjects = 80'000;
  char folder[] = "/tmp/shoal-bench-parts-XXXXXX";
  if (mkdtemp(folder) == nullptr) return state.SkipWithError("no folder for temporary files");
  {
    const auto database =
        index::Database::open(std::filesystem::path(folder) / "index", index::Index::Mode::create);
    if (!database) return state.SkipWithError(database.error().to_string().c_str());
    store::ObjectInfo info{.key = {}, .size = 8192, .mtime = 1'700'000'000, .etag = object().etag};
    std::uint64_t runs = 0;
    for (auto _ : state) {
      index::SortedRun run;
      for (std::uint64_t i = 0; i < kObjects; ++i) {
        char key[32];
        const std::uint64_t page = i / 1000;
        const std::uint64_t number =
            page % kRanges * (kObjects / kRanges) + page / kRanges * 1000 + i % 1000;
        std::snprintf(key, sizeof key, "p/f%010llu.csv", static_cast<unsigned long long>(number));
        info.key = key;
        index::stage(info, "p/", run);
      }
      index::TableFiles files(**database, index::Family::staging, folder,
                              "run-" + std::to_string(runs++));
      Result<void> done = run.write(files);
      if (done) done = files.finish();
      if (done) done = index::ingest(**database, {&files});
      if (done) done = (*database)->reset_staging();
      if (!done) state.SkipWithError(done.error().to_string().c_str());
    }
    count_objects(state, kObjects);
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(ingest_run)->Unit(benchmark::kMillisecond)->UseRealTime();

class Nowhere final : public image::Sink {
 public:
  Result<void> write(std::uint64_t, ByteSpan) override { return {}; }
};
class InMemory final : public image::Scratch {
 public:
  Result<void> write(std::uint64_t offset, ByteSpan bytes) override {
    if (content_.size() < offset + bytes.size()) content_.resize(offset + bytes.size());
    std::ranges::copy(bytes, content_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<void> read(std::uint64_t offset, MutableByteSpan target) override {
    std::ranges::copy(ByteSpan(content_).subspan(offset, target.size()), target.begin());
    return {};
  }

 private:
  std::vector<std::byte> content_;
};

void write_image(benchmark::State& state) {
  constexpr std::uint64_t kFiles = 100'000;
  const auto per_directory = static_cast<std::uint64_t>(state.range(0));
  const image::FakeIndex index({}, kFiles, {kFiles * 8192},
                               [=](std::uint64_t i, index::Entry& entry) {
                                 char path[48];
                                 std::snprintf(path, sizeof path, "d%08llu/f%08llu.csv",
                                               static_cast<unsigned long long>(i / per_directory),
                                               static_cast<unsigned long long>(i % per_directory));
                                 entry.path = path;
                                 entry.record.size = 8192;
                                 entry.record.address = {i * 8192};
                               });
  std::uint64_t metadata_bytes = 0;
  for (auto _ : state) {
    Nowhere sink;
    InMemory scratch;
    const auto written = image::write_image(index, sink, scratch, {});
    if (!written) return state.SkipWithError(written.error().to_string().c_str());
    metadata_bytes = written->metadata_bytes;
  }
  count_objects(state, kFiles);
  state.counters["bytes/file"] = static_cast<double>(metadata_bytes) / kFiles;
}
BENCHMARK(write_image)
    ->ArgName("files_per_directory")
    ->Arg(1)
    ->Arg(500)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
