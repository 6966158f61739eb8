// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/ids.h"

namespace shoal::fetch {

// What is known of a chunk's visits. A visit is a stretch of reads of one chunk while few others
// are read: a walk that reads 400 files of a chunk visits it once.
struct Reuse {
  std::uint64_t visited_at = 0;  // in visits of the whole owner; 0: never
  std::uint32_t interval = 0;    // between its visits, averaged; 0: not visited twice
};

// Counts visits and remembers those of chunks that were evicted, so that a chunk which comes back
// is known. Bounded. confined.
class ReuseHistory {
 public:
  // A read of the chunk. `cached`: how many chunks the cache holds.
  void visit(ChunkId chunk, Reuse& reuse, std::size_t cached);
  // Brought in without a reader: as if visited, without a lesson.
  void note(ChunkId chunk, Reuse& reuse);
  // The chunk leaves the cache.
  void remember(ChunkId chunk, const Reuse& reuse, std::size_t cached);

  // Being read at the moment.
  [[nodiscard]] bool is_current(const Reuse& reuse, std::size_t cached) const {
    return now_ - reuse.visited_at < window(cached);
  }
  // How far away the next visit is: two of its intervals behind the last one, for epochs in random
  // order bring it back after one on average and two at most; once it is overdue, as far as the
  // last one lies back. A chunk visited once is taken to come back at intervals in which the cache
  // is filled twice.
  [[nodiscard]] std::uint64_t distance(const Reuse& reuse, std::size_t cached) const;

 private:
  static constexpr std::size_t kRememberedMax = 65536;  // 4 MiB chunks: 256 GiB; about 4 MiB
  static constexpr std::uint64_t kWindowMax = 64;       // readers that go on side by side
  [[nodiscard]] static std::uint64_t window(std::size_t cached);
  void recall(ChunkId chunk, Reuse& reuse);

  std::uint64_t now_ = 1;
  std::unordered_map<ChunkId, Reuse> remembered_;
  std::deque<std::pair<ChunkId, std::uint64_t>> by_age_;  // chunk, visited_at; some may be gone
};

}  // namespace shoal::fetch
