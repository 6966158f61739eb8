// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

// The published shuffle: a random order of all files of a dataset that is kind to chunks. Anyone
// can compute it, from the number of files that begin in each chunk, a seed and an epoch.
//
// Files are numbered from 0 by ascending data address (empty files have none and take no part).
// All arithmetic is on unsigned 64-bit integers, modulo 2^64.
//
//   mix(x):    x += 0x9E3779B97F4A7C15
//              x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
//              x = (x ^ (x >> 27)) * 0x94D049BB133111EB
//              return x ^ (x >> 31)
//   stream(s): SplitMix64: a state that begins at s; next() returns mix(state) and then adds
//              0x9E3779B97F4A7C15 to the state
//   below(n):  (next() * n) >> 64, the product taken with 128 bits; one draw, never rejected
//   shuffle(stream, a): for i = len(a) - 1 down to 1: j = below(i + 1); swap a[i], a[j]
//
//   1. base = mix(mix(seed) + epoch)
//   2. chunks = the numbers of all chunks in which at least one file begins, ascending
//   3. shuffle(stream(base), chunks)
//   4. cut `chunks` into groups of group_chunks; the last may be smaller
//   5. for group g = 0, 1, ...: files = those of its chunks, one chunk after the other as in step
//      3, ascending within a chunk; shuffle(stream(mix(base + 1 + g)), files); append them
//
// A reader that goes through the order needs the chunks of one group at a time: 32 chunks of 4 MiB.

namespace shoal::prefetch {

struct ShuffleOptions {
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::uint32_t group_chunks = 32;
};

// Deals out the order group by group. Memory: the chunk permutation and offsets (12 bytes per
// chunk) and one group. confined.
class ShuffleRule {
 public:
  // `files_per_chunk[c]`: how many files begin in chunk c; fewer than 2^32 chunks.
  ShuffleRule(const ShuffleOptions& options, std::span<const std::uint32_t> files_per_chunk);

  [[nodiscard]] std::uint64_t file_count() const { return first_.back(); }
  // Replaces `files` by the numbers of the next group's files; false: there is none.
  [[nodiscard]] bool next_group(std::vector<std::uint64_t>& files);

 private:
  std::uint64_t base_;
  std::uint64_t group_ = 0;
  std::uint32_t group_chunks_;
  std::vector<std::uint32_t> chunks_;  // shuffled
  std::vector<std::uint64_t> first_;   // number of the first file of each chunk, and the end
};

}  // namespace shoal::prefetch
