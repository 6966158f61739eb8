// SPDX-License-Identifier: Apache-2.0
// Question: how much of what is read does a full cache find, by the way it makes room? The table of
// src/fetch/README.md. Run:
//   shoal-bench-eviction   (a second or two; the same numbers on every machine)
#include <cstdio>
#include <string>

#include "sim/support/eviction_sim.h"

namespace {

using namespace shoal::sim;

void row(const std::string& name, const ReadTrace& trace, std::size_t capacity, std::size_t from) {
  std::printf("| %s |", name.c_str());
  for (const Eviction eviction : {Eviction::lru, Eviction::random, Eviction::scan_resistant,
                                  Eviction::keep, Eviction::next_use})
    std::printf(" %.2f |", hit_rate(eviction, trace, capacity, from));
  std::printf("\n");
}

}  // namespace

int main() {
  constexpr std::uint32_t kChunks = 1000;
  std::printf("| reads of %u chunks | LRU | random | scan-resistant | keep | next use known |\n",
              kChunks);
  std::printf("| --- | --- | --- | --- | --- | --- |\n");
  const ReadTrace scan = cyclic(kChunks, 12);
  const ReadTrace epochs = shuffled(kChunks, 12, 1);
  for (const std::size_t cached : {500u, 800u, 950u})
    row("cyclic scan, " + std::to_string(cached) + " cached", scan, cached, 4 * kChunks);
  for (const std::size_t cached : {500u, 800u, 950u})
    row("shuffled epochs, " + std::to_string(cached) + " cached", epochs, cached, 4 * kChunks);
  for (const std::size_t cached : {50u, 200u, 500u})
    row("zipf, " + std::to_string(cached) + " cached", zipf(kChunks, 40000, 2), cached, 10000);
  row("scan beside 80 hot ones, 100 cached", scan_beside_hot(80, 4000), 100, 240);
  ReadTrace moved = cyclic(kChunks, 6);
  for (const std::uint32_t chunk : cyclic(kChunks, 10)) moved.push_back(kChunks + chunk);
  row("cyclic scan that moved elsewhere, 800 cached", moved, 800, 12 * kChunks);
  return 0;
}
