// SPDX-License-Identifier: Apache-2.0
// Question: what do the two checks of content cost? MD5 of a body against the ETag (every small
// object once, when it is fetched) and XXH3 of a chunk (at its sealing, and once after each start).
#include <benchmark/benchmark.h>

#include <vector>

#include "base/md5_many.h"
#include "base/rng.h"
#include "cache/content_hash.h"
#include "store/encoding.h"

namespace shoal {
namespace {

std::vector<std::byte> random_bytes(std::size_t count) {
  Rng rng(count);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(rng.next() & 0xff);
  return bytes;
}

void md5(benchmark::State& state) {
  const auto bytes = random_bytes(static_cast<std::size_t>(state.range(0)));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (auto step : state) {
    static_cast<void>(step);
    benchmark::DoNotOptimize(store::md5(text));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(md5)->RangeMultiplier(8)->Range(4 << 10, 4 << 20);

// As many bodies at a time as come together, of this many bytes each.
void md5_many(benchmark::State& state) {
  const auto bytes = random_bytes(static_cast<std::size_t>(state.range(0)));
  const std::vector<ByteSpan> bodies(static_cast<std::size_t>(state.range(1)), bytes);
  std::vector<Md5> digests(bodies.size());
  for (auto step : state) {
    static_cast<void>(step);
    shoal::md5_many(bodies, digests);
    benchmark::DoNotOptimize(digests.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) * state.range(1));
}
BENCHMARK(md5_many)->ArgsProduct({{4 << 10, 256 << 10}, {1, 2, 4, 8, 16}});

void xxh3(benchmark::State& state) {
  const auto bytes = random_bytes(static_cast<std::size_t>(state.range(0)));
  for (auto step : state) {
    static_cast<void>(step);
    cache::ContentHash hash;
    hash.add(bytes);
    benchmark::DoNotOptimize(hash.value());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(xxh3)->RangeMultiplier(8)->Range(4 << 10, 4 << 20);

}  // namespace
}  // namespace shoal

BENCHMARK_MAIN();
