// SPDX-License-Identifier: Apache-2.0
// Question: what does a read of cached data cost behind the upper waist, from memory and from the
// cache file? Whole volumes through the public API; the kernel and its page cache are not part.
// Times are processor time of all threads of the process.
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/rng.h"
#include "shoal/volume.h"
#include "volume/prepare.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFiles = 2048;
constexpr std::size_t kFileBytes = 16384;

enum class From : std::int64_t { memory, cache_file };

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "cached_reads: %s\n", error.to_string().c_str());
  std::exit(1);
}

// A dataset of 32 MiB in a directory, and its volume, every byte of which has been read once.
class CachedVolume {
 public:
  explicit CachedVolume(From from) {
    char folder[] = "/tmp/shoal-bench-cached-reads-XXXXXX";
    if (mkdtemp(folder) == nullptr) std::exit(1);
    folder_ = folder;
    write_dataset();
    volume::PrepareOptions options{};
    auto location = store::parse_location("file://" + (folder_ / "data").string());
    if (!location) give_up(location.error());
    options.location = std::move(*location);
    if (const auto prepared = volume::prepare(folder_ / "volume", options); !prepared)
      give_up(prepared.error());
    open(from == From::cache_file);
    // The second opening finds everything in the cache file, verifies it, and holds no buffer.
    if (from == From::cache_file) {
      volume_.reset();
      open(true);
      if (volume_->stats().gets != 0) std::exit(1);
    }
  }
  CachedVolume(const CachedVolume&) = delete;
  CachedVolume& operator=(const CachedVolume&) = delete;
  ~CachedVolume() {
    volume_.reset();
    std::filesystem::remove_all(folder_);
  }
  // Reads `offsets.size()` ranges at once and waits for all.
  void read(std::span<const std::uint64_t> offsets, std::size_t bytes) {
    std::atomic<std::size_t> left{offsets.size()};
    for (std::size_t i = 0; i < offsets.size(); ++i)
      volume_->read(offsets[i], std::span(target_).subspan(i * bytes, bytes),
                    std::chrono::steady_clock::now() + 60s, [&left](Result<void> result) {
                      if (!result) give_up(result.error());
                      if (left.fetch_sub(1) == 1) left.notify_one();
                    });
    for (std::size_t seen = left.load(); seen != 0; seen = left.load()) left.wait(seen);
  }
  [[nodiscard]] const std::vector<std::uint64_t>& offsets() const { return offsets_; }
  [[nodiscard]] VolumeStats stats() const { return volume_->stats(); }

 private:
  void write_dataset() {
    std::filesystem::create_directories(folder_ / "data" / "d");
    Rng rng(1);
    std::string content(kFileBytes, '\0');
    for (std::size_t i = 0; i < kFiles; ++i) {
      for (std::size_t at = 0; at < kFileBytes; at += 64)
        content[at] = static_cast<char>(rng.next() & 0x7f);
      std::ofstream(folder_ / "data" / "d" / std::to_string(i), std::ios::binary) << content;
    }
  }
  void open(bool use_cache) {
    VolumeOptions options;
    options.use_cache = use_cache;
    auto opened = open_volume(folder_ / "volume", {}, options);
    if (!opened) give_up(opened.error());
    volume_ = std::move(*opened);
    offsets_.clear();
    const auto listed = volume_->list("d", [this](const DirectoryEntry& entry) {
      offsets_.push_back(entry.image_offset);
      return true;
    });
    if (!listed || offsets_.size() != kFiles) std::exit(1);
    for (const std::uint64_t offset : offsets_) read({{offset}}, kFileBytes);
  }

  std::filesystem::path folder_;
  std::unique_ptr<Volume> volume_;
  std::vector<std::uint64_t> offsets_;
  std::vector<std::byte> target_ = std::vector<std::byte>(64 * kFileBytes);
};

// Made once for all benches of this program.
CachedVolume& volume_in(From from) {
  if (from == From::memory) {
    static CachedVolume memory(From::memory);
    return memory;
  }
  static CachedVolume file(From::cache_file);
  return file;
}

// `outstanding` reads of `bytes` at once: 1 is a single reader who waits, 64 a kernel with several.
void cached_read(benchmark::State& state) {
  const auto from = static_cast<From>(state.range(0));
  const auto bytes = static_cast<std::size_t>(state.range(1));
  const auto outstanding = static_cast<std::size_t>(state.range(2));
  CachedVolume& volume = volume_in(from);
  const std::span offsets(volume.offsets());
  std::size_t at = 0;
  for (auto step : state) {
    static_cast<void>(step);
    if (at + outstanding > offsets.size()) at = 0;
    volume.read(offsets.subspan(at, outstanding), bytes);
    at += outstanding;
  }
  state.SetItemsProcessed(state.iterations() * state.range(2));
  if (from == From::cache_file && volume.stats().buffer_bytes != 0)
    state.SkipWithError("read from buffers: this is no measurement of the cache file");
}
BENCHMARK(cached_read)
    ->ArgNames({"from_file", "bytes", "outstanding"})
    ->ArgsProduct({{0, 1}, {4096, 16384}, {1, 64}})
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
}  // namespace shoal

BENCHMARK_MAIN();
