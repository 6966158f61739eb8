// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace shoal::sim {

// Chunk numbers in the order in which they are read.
using ReadTrace = std::vector<std::uint32_t>;

enum class Eviction { lru, random, scan_resistant, keep, next_use };

// Share of the reads from number `from` on that find their chunk in a cache of `capacity` chunks.
// The last three run the product's Evictor, the first two are what it is compared with.
[[nodiscard]] double hit_rate(Eviction eviction, const ReadTrace& trace, std::size_t capacity,
                              std::size_t from);
// The most hits any choice of evictions and of chunks not cached at all can have. Tries them all:
// for traces of a few dozen reads of up to 16 chunks.
[[nodiscard]] std::uint64_t most_hits(const ReadTrace& trace, std::size_t capacity);

// 0, 1 ... chunks - 1, again and again.
[[nodiscard]] ReadTrace cyclic(std::uint32_t chunks, std::uint32_t rounds);
// Another random order each round, as an epoch of training.
[[nodiscard]] ReadTrace shuffled(std::uint32_t chunks, std::uint32_t rounds, std::uint64_t seed);
// Chunk i with a probability of 1 / (i + 1), scattered.
[[nodiscard]] ReadTrace zipf(std::uint32_t chunks, std::uint32_t reads, std::uint64_t seed);
// Every other read goes round a hot set of [0, hot), the others scan what lies behind it, once.
[[nodiscard]] ReadTrace scan_beside_hot(std::uint32_t hot, std::uint32_t chunks);

}  // namespace shoal::sim
