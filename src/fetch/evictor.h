// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/rng.h"
#include "fetch/chunk_table.h"
#include "fetch/eviction.h"
#include "fetch/reuse.h"

namespace shoal::fetch {

// Chooses which cached chunk gives way to another one, and which newcomers do not deserve that.
// Pinned chunks and those somebody works on are never chosen; the rest as the mode says:
//
//   scan_resistant  whose next visit is estimated farthest (see reuse.h), of some drawn at random;
//                   not what is being read, and prefetched bytes nobody has read last
//   keep            nothing, unless the newcomer was asked for by name (warmed or pinned)
//   next_use        whose next use is farthest, and the newcomer when it is the one
//
// A cyclic scan larger than the cache is why: it never hits what was least recently used. Here the
// chunk just read is the one that comes back last, so most of the cache stays as it is and serves
// its share. confined.
class Evictor {
 public:
  explicit Evictor(ChunkTable& table) : table_(table), rng_(1) {}

  void set(EvictionMode mode, std::shared_ptr<const NextUse> next_use);

  struct Choice {
    Chunk* chunk = nullptr;  // null: none can go
    bool refused = false;    // none shall go for this newcomer
  };
  // `newcomer` may be null: room is wanted for another owner. `now` tells which of them an error
  // keeps from being dropped.
  [[nodiscard]] Choice choose(const Chunk* newcomer, TimePoint now);

  void on_read(Chunk& chunk);
  void on_cached(Chunk& chunk);
  void on_evicted(Chunk& chunk);

 private:
  struct Rank {
    int reluctance = 0;          // lower goes first
    std::uint64_t distance = 0;  // larger goes first
  };
  [[nodiscard]] static bool can_go(const Chunk& chunk, const Chunk* newcomer, TimePoint now);
  [[nodiscard]] Rank rank(const Chunk& chunk) const;
  [[nodiscard]] Chunk* farthest(const Chunk* newcomer, TimePoint now);
  template <typename Better>
  [[nodiscard]] Chunk* search(std::size_t draws_max, const Chunk* newcomer, TimePoint now,
                              Better better);

  ChunkTable& table_;
  EvictionMode mode_ = EvictionMode::scan_resistant;
  std::shared_ptr<const NextUse> next_use_;  // shared with who knows the order
  ReuseHistory history_;
  Rng rng_;
};

}  // namespace shoal::fetch
