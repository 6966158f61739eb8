// SPDX-License-Identifier: Apache-2.0
#include "fetch/reuse.h"

#include <algorithm>

namespace shoal::fetch {

std::uint64_t ReuseHistory::window(std::size_t cached) {
  return std::clamp<std::uint64_t>(cached / 8, 1, kWindowMax);
}

void ReuseHistory::recall(ChunkId chunk, Reuse& reuse) {
  if (reuse.visited_at != 0) return;
  const auto found = remembered_.find(chunk);
  if (found == remembered_.end()) return;
  reuse = found->second;
  remembered_.erase(found);
}

void ReuseHistory::visit(ChunkId chunk, Reuse& reuse, std::size_t cached) {
  recall(chunk, reuse);
  if (reuse.visited_at == 0) {
    reuse.visited_at = ++now_;
    return;
  }
  const std::uint64_t since = now_ - reuse.visited_at;
  if (since < window(cached)) {
    reuse.visited_at = now_;  // still the same visit
    return;
  }
  reuse.visited_at = ++now_;
  const auto interval = static_cast<std::uint32_t>(std::min<std::uint64_t>(since + 1, 1u << 30));
  reuse.interval = reuse.interval == 0 ? interval : (3 * reuse.interval + interval) / 4;
}

void ReuseHistory::note(ChunkId chunk, Reuse& reuse) {
  recall(chunk, reuse);
  reuse.visited_at = now_;
}

void ReuseHistory::remember(ChunkId chunk, const Reuse& reuse, std::size_t cached) {
  const std::size_t most = std::min(kRememberedMax, 1024 + 4 * cached);
  while (by_age_.size() >= most) {
    const auto [oldest, visited_at] = by_age_.front();
    by_age_.pop_front();
    const auto found = remembered_.find(oldest);
    if (found != remembered_.end() && found->second.visited_at == visited_at)
      remembered_.erase(found);
  }
  remembered_.insert_or_assign(chunk, reuse);
  by_age_.emplace_back(chunk, reuse.visited_at);
}

std::uint64_t ReuseHistory::distance(const Reuse& reuse, std::size_t cached) const {
  const std::uint64_t idle = now_ - reuse.visited_at;
  const std::uint64_t interval = reuse.interval != 0 ? reuse.interval : 2 * std::uint64_t{cached};
  return idle <= 2 * interval ? 2 * interval - idle : idle;
}

}  // namespace shoal::fetch
