// SPDX-License-Identifier: Apache-2.0
#include "fetch/evictor.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace shoal::fetch {
namespace {

// Of so many the farthest is close to the farthest of all, and a scan, whose chunks are all alike,
// keeps 63 of 64 of them.
constexpr std::size_t kDraws = 64;
// A known order is exact for caches up to 16 GiB of 4 MiB chunks per owner, and close above.
constexpr std::size_t kDrawsOfKnownOrder = 4096;

}  // namespace

void Evictor::set(EvictionMode mode, std::shared_ptr<const NextUse> next_use) {
  SHOAL_ASSERT((mode == EvictionMode::next_use) == (next_use != nullptr));
  mode_ = mode;
  next_use_ = std::move(next_use);
}

bool Evictor::can_go(const Chunk& chunk, const Chunk* newcomer, TimePoint now) {
  return &chunk != newcomer && !chunk.pinned && chunk.busy == Chunk::Busy::no &&
         chunk.file_reads == 0 && chunk.drop_not_before <= now;
}

Evictor::Rank Evictor::rank(const Chunk& chunk) const {
  Rank rank;
  const std::size_t cached = table_.cached().size();
  if (!chunk.unread.empty())
    rank.reluctance = 2;
  else if (history_.is_current(chunk.reuse, cached))
    rank.reluctance = 1;
  rank.distance = history_.distance(chunk.reuse, cached);
  return rank;
}

// The best by `better` of all that can go, or of some drawn at random.
template <typename Better>
Chunk* Evictor::search(std::size_t draws_max, const Chunk* newcomer, TimePoint now, Better better) {
  const std::vector<Chunk*>& cached = table_.cached();
  Chunk* best = nullptr;
  if (cached.size() > draws_max) {
    for (std::size_t i = 0; i < draws_max; ++i) {
      Chunk* chunk = cached[rng_.below(cached.size())];
      if (can_go(*chunk, newcomer, now) && (best == nullptr || better(*chunk, *best))) best = chunk;
    }
    if (best != nullptr) return best;
  }
  for (Chunk* chunk : cached)
    if (can_go(*chunk, newcomer, now) && (best == nullptr || better(*chunk, *best))) best = chunk;
  return best;
}

Chunk* Evictor::farthest(const Chunk* newcomer, TimePoint now) {
  return search(kDraws, newcomer, now, [this](const Chunk& one, const Chunk& other) {
    const Rank a = rank(one);
    const Rank b = rank(other);
    if (a.reluctance != b.reluctance) return a.reluctance < b.reluctance;
    return a.distance > b.distance;
  });
}

Evictor::Choice Evictor::choose(const Chunk* newcomer, TimePoint now) {
  const bool asked_for = newcomer == nullptr || newcomer->pinned || newcomer->warmed;
  if (mode_ == EvictionMode::keep && !asked_for) return {nullptr, true};
  if (mode_ != EvictionMode::next_use) return {farthest(newcomer, now), false};
  // The uses are looked up once per chunk, not once per comparison.
  std::uint64_t best_use = 0;
  Chunk* best =
      search(kDrawsOfKnownOrder, newcomer, now, [&](const Chunk& one, const Chunk& other) {
        if (best_use == 0) best_use = next_use_->next_use(other.id);
        const std::uint64_t use = next_use_->next_use(one.id);
        if (use <= best_use) return false;
        best_use = use;
        return true;
      });
  if (best == nullptr || asked_for) return {best, false};
  if (next_use_->next_use(newcomer->id) >= next_use_->next_use(best->id)) return {nullptr, true};
  return {best, false};
}

void Evictor::on_read(Chunk& chunk) {
  history_.visit(chunk.id, chunk.reuse, table_.cached().size());
}

void Evictor::on_cached(Chunk& chunk) {
  if (chunk.reuse.visited_at == 0) history_.note(chunk.id, chunk.reuse);
}

void Evictor::on_evicted(Chunk& chunk) {
  history_.remember(chunk.id, chunk.reuse, table_.cached().size());
}

}  // namespace shoal::fetch
