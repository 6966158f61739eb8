// SPDX-License-Identifier: Apache-2.0
// Question: what does a policy cost per read, on the thread that fetches? Run:
//   shoal-bench-policies   (a walk should stay below a microsecond)
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "base/rng.h"
#include "prefetch/policy_set.h"

namespace shoal::prefetch {
namespace {

constexpr std::uint64_t kFileBytes = 12'288;
constexpr std::uint64_t kDataEnd = 1ull << 40;

struct Sink : Proposals {
  void propose(const Range& range) override { bytes += range.length; }
  std::uint64_t bytes = 0;
};

// Knows no names: the cost of asking is the index's.
struct NoNames : Catalog {
  void file_at(DataAddress, std::move_only_function<void(std::optional<CatalogFile>)>) override {}
  void find(std::vector<std::string>,
            std::move_only_function<void(std::vector<CatalogFile>)>) override {}
  void across(AcrossQuery, std::move_only_function<void(Across)>) override {}
  void next_file(std::string, std::move_only_function<void(std::optional<CatalogFile>)>) override {}
};

struct Parts {
  Sink sink;
  NoNames names;
  std::unique_ptr<PolicySet> set =
      PolicySet::make({.geometry = {}, .data_end = DataAddress{kDataEnd}}, sink, &names);
  void read(std::uint64_t at) {
    const Range range{DataAddress{at}, kFileBytes};
    set->on_used(range);
    benchmark::DoNotOptimize(set->on_read({range, true}));
  }
};

void walk(benchmark::State& state) {
  Parts parts;
  const auto readers = static_cast<std::uint64_t>(state.range(0));
  std::vector<std::uint64_t> at(readers);
  for (std::uint64_t i = 0; i < readers; ++i) at[i] = i * (kDataEnd / 64 / 4096 * 4096);
  std::uint64_t turn = 0;
  for (auto step : state) {
    static_cast<void>(step);
    std::uint64_t& next = at[turn++ % readers];
    parts.read(next);
    next += kFileBytes;
  }
}
BENCHMARK(walk)->Arg(1)->Arg(16)->Arg(64);

void random_reads(benchmark::State& state) {
  Parts parts;
  Rng rng(1);
  for (auto step : state) {
    static_cast<void>(step);
    parts.read(rng.below(kDataEnd / 4096) * 4096);
  }
}
BENCHMARK(random_reads);

void known_order(benchmark::State& state) {
  const auto files = static_cast<std::uint64_t>(state.range(0));
  std::vector<Order::File> list;
  for (std::uint64_t i = 0; i < files; ++i)
    list.push_back({{i * kFileBytes / 4096 * 4096}, kFileBytes});
  Rng rng(1);
  for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[rng.below(i)]);
  const auto order = std::make_shared<Order>(format::Geometry{});
  if (!order->append(list)) state.SkipWithError("the order was refused");
  Parts parts;
  parts.set->set_order(order, {});
  std::size_t next = 0;
  for (auto step : state) {
    static_cast<void>(step);
    parts.read(list[next++ % files].begin.value);
  }
}
BENCHMARK(known_order)->Arg(100'000)->Arg(5'000'000);

void next_use(benchmark::State& state) {
  const auto files = static_cast<std::uint64_t>(state.range(0));
  std::vector<Order::File> list;
  for (std::uint64_t i = 0; i < files; ++i) list.push_back({{i * kFileBytes}, kFileBytes});
  Rng rng(1);
  for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[rng.below(i)]);
  Order order{format::Geometry{}};
  if (!order.append(list)) state.SkipWithError("the order was refused");
  const std::uint64_t chunks = files * kFileBytes / (4u << 20);
  for (auto step : state) {
    static_cast<void>(step);
    benchmark::DoNotOptimize(order.next_use(ChunkId{rng.below(chunks)}));
  }
}
BENCHMARK(next_use)->Arg(100'000)->Arg(5'000'000);

}  // namespace
}  // namespace shoal::prefetch

BENCHMARK_MAIN();
