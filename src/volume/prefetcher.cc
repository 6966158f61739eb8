// SPDX-License-Identifier: Apache-2.0
#include "volume/prefetcher.h"

#include <algorithm>
#include <utility>

namespace shoal::volume {

void Prefetcher::on_observations(std::uint32_t owner, std::vector<fetch::Observation>& seen) {
  if (policy_ == nullptr) return;
  if (owner == 0) {
    think(seen);
    return;
  }
  owners_[0].executor->post([this, batch = std::exchange(seen, {})] {
    think(batch);
    if (!stopped_) owners_[0].owner->start_prefetches();
  });
}

void Prefetcher::think(const std::vector<fetch::Observation>& seen) {
  if (stopped_) return;
  proposals_.clear();
  for (const fetch::Observation& one : seen) {
    switch (one.kind) {
      case fetch::Observation::Kind::read:
        policy_->on_read({{one.begin, one.length}, one.hit}, proposals_);
        break;
      case fetch::Observation::Kind::used:
        policy_->on_used(one.length);
        break;
      case fetch::Observation::Kind::wasted:
        policy_->on_wasted({one.begin, one.length});
        break;
    }
  }
  for (const prefetch::Range& range : proposals_) propose(range);
}

void Prefetcher::propose(const prefetch::Range& range) {
  std::uint64_t begin = range.begin.value;
  const std::uint64_t end = begin + range.length;
  while (begin < end) {
    const ChunkId chunk{begin / chunk_bytes_};
    const std::uint64_t chunk_begin = chunk.value * chunk_bytes_;
    const std::uint64_t stop = std::min(end, chunk_begin + chunk_bytes_);
    const fetch::ByteRange bytes{static_cast<std::uint32_t>(begin - chunk_begin),
                                 static_cast<std::uint32_t>(stop - chunk_begin)};
    const std::size_t number = chunk.value % owners_.size();
    fetch::ChunkOwner* owner = owners_[number].owner;
    if (number == 0) {
      owner->prefetch(chunk, bytes);
    } else {
      owners_[number].executor->post([owner, chunk, bytes] {
        owner->prefetch(chunk, bytes);
        owner->start_prefetches();
      });
    }
    begin = stop;
  }
}

}  // namespace shoal::volume
