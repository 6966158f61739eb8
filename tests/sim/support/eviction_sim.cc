// SPDX-License-Identifier: Apache-2.0
#include "sim/support/eviction_sim.h"

#include <algorithm>
#include <bit>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/assert.h"
#include "base/rng.h"
#include "fetch/evictor.h"

namespace shoal::sim {
namespace {

// Knows the whole trace.
class TraceOrder final : public fetch::NextUse {
 public:
  explicit TraceOrder(const ReadTrace& trace) {
    for (std::size_t i = 0; i < trace.size(); ++i) uses_[trace[i]].push_back(i);
  }
  [[nodiscard]] std::uint64_t next_use(ChunkId chunk) const override {
    const auto& uses = uses_.at(static_cast<std::uint32_t>(chunk.value));
    const auto next = std::ranges::upper_bound(uses, at);
    return next == uses.end() ? kNever : *next - at;
  }
  std::size_t at = 0;

 private:
  std::unordered_map<std::uint32_t, std::vector<std::size_t>> uses_;
};

// A cache of the product's parts, a chunk being one block.
double evictor_hits(fetch::EvictionMode mode, const ReadTrace& trace, std::size_t capacity,
                    std::size_t from) {
  fetch::ChunkTable table(1);
  fetch::Evictor evictor(table);
  const auto order = std::make_shared<TraceOrder>(trace);
  const bool is_known = mode == fetch::EvictionMode::next_use;
  evictor.set(mode, is_known ? order : nullptr);
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    order->at = i;
    fetch::Chunk& chunk = table.get(ChunkId{trace[i]});
    evictor.on_read(chunk);
    bool refused = false;
    if (!chunk.in_file.empty()) {
      hits += i >= from ? 1 : 0;
    } else {
      while (table.cached().size() >= capacity && !refused) {
        const auto choice = evictor.choose(&chunk, {});
        refused = choice.chunk == nullptr;
        if (refused) break;
        evictor.on_evicted(*choice.chunk);
        choice.chunk->in_file.clear();
        table.settle(*choice.chunk);
      }
      if (!refused) {
        chunk.in_file.add(0, 1);
        evictor.on_cached(chunk);
      }
    }
    table.settle(chunk);
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size() - from);
}

double lru_hits(const ReadTrace& trace, std::size_t capacity, std::size_t from) {
  std::list<std::uint32_t> order;
  std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> places;
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const auto found = places.find(trace[i]);
    if (found != places.end()) {
      hits += i >= from ? 1 : 0;
      order.splice(order.end(), order, found->second);
      continue;
    }
    if (order.size() == capacity) {
      places.erase(order.front());
      order.pop_front();
    }
    places[trace[i]] = order.insert(order.end(), trace[i]);
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size() - from);
}

double random_hits(const ReadTrace& trace, std::size_t capacity, std::size_t from) {
  Rng rng(7);
  std::vector<std::uint32_t> cached;
  std::unordered_map<std::uint32_t, std::size_t> places;
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (places.contains(trace[i])) {
      hits += i >= from ? 1 : 0;
      continue;
    }
    if (cached.size() < capacity) {
      places[trace[i]] = cached.size();
      cached.push_back(trace[i]);
      continue;
    }
    const std::size_t victim = rng.below(capacity);
    places.erase(cached[victim]);
    cached[victim] = trace[i];
    places[trace[i]] = victim;
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size() - from);
}

}  // namespace

double hit_rate(Eviction eviction, const ReadTrace& trace, std::size_t capacity, std::size_t from) {
  switch (eviction) {
    case Eviction::lru:
      return lru_hits(trace, capacity, from);
    case Eviction::random:
      return random_hits(trace, capacity, from);
    case Eviction::scan_resistant:
      return evictor_hits(fetch::EvictionMode::scan_resistant, trace, capacity, from);
    case Eviction::keep:
      return evictor_hits(fetch::EvictionMode::keep, trace, capacity, from);
    case Eviction::next_use:
      return evictor_hits(fetch::EvictionMode::next_use, trace, capacity, from);
  }
  return 0;
}

std::uint64_t most_hits(const ReadTrace& trace, std::size_t capacity) {
  // Sets of cached chunks that can be had, each with the most hits on the way to it.
  std::map<std::uint32_t, std::uint64_t> states{{0, 0}};
  for (const std::uint32_t chunk : trace) {
    SHOAL_ASSERT(chunk < 16);
    const std::uint32_t bit = 1u << chunk;
    std::map<std::uint32_t, std::uint64_t> next;
    const auto reach = [&](std::uint32_t set, std::uint64_t hits) {
      auto& best = next[set];
      best = std::max(best, hits);
    };
    for (const auto& [set, hits] : states) {
      reach(set, hits + ((set & bit) != 0 ? 1 : 0));  // nothing changes
      if ((set & bit) != 0) continue;
      if (static_cast<std::size_t>(std::popcount(set)) < capacity) reach(set | bit, hits);
      for (std::uint32_t victim = 0; victim < 16; ++victim)
        if ((set & 1u << victim) != 0) reach((set & ~(1u << victim)) | bit, hits);
    }
    states = std::move(next);
  }
  std::uint64_t most = 0;
  for (const auto& [set, hits] : states) most = std::max(most, hits);
  return most;
}

ReadTrace cyclic(std::uint32_t chunks, std::uint32_t rounds) {
  ReadTrace trace;
  for (std::uint32_t round = 0; round < rounds; ++round)
    for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) trace.push_back(chunk);
  return trace;
}

ReadTrace shuffled(std::uint32_t chunks, std::uint32_t rounds, std::uint64_t seed) {
  Rng rng(seed);
  ReadTrace trace;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const std::size_t begin = trace.size();
    for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) trace.push_back(chunk);
    for (std::uint32_t left = chunks; left > 1; --left)
      std::swap(trace[begin + left - 1], trace[begin + rng.below(left)]);
  }
  return trace;
}

ReadTrace zipf(std::uint32_t chunks, std::uint32_t reads, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> below;
  double total = 0;
  for (std::uint32_t i = 0; i < chunks; ++i) below.push_back(total += 1.0 / (i + 1));
  ReadTrace trace;
  while (trace.size() < reads) {
    const auto rank = std::ranges::upper_bound(below, rng.unit() * total) - below.begin();
    trace.push_back(static_cast<std::uint32_t>(
        std::min<std::uint64_t>(static_cast<std::uint64_t>(rank), chunks - 1)));
  }
  return trace;
}

ReadTrace scan_beside_hot(std::uint32_t hot, std::uint32_t chunks) {
  ReadTrace trace;
  for (std::uint32_t round = 0; round < 3; ++round)
    for (std::uint32_t chunk = 0; chunk < hot; ++chunk) trace.push_back(chunk);
  for (std::uint32_t chunk = hot; chunk < chunks; ++chunk) {
    trace.push_back(chunk);
    trace.push_back(chunk % hot);
  }
  return trace;
}

}  // namespace shoal::sim
