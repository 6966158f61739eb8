// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/executor.h"
#include "fetch/chunk_owner.h"
#include "fetch/observer.h"
#include "prefetch/policy_set.h"
#include "shoal/volume.h"
#include "volume/recorder.h"

namespace shoal::volume {

// Carries what the fetch threads see to the policies and what these propose back to the owners of
// the chunks, with the eviction that suits the readers. Lives on the first owner's executor; what
// other owners saw arrives there in batches, and proposals leave in batches. Without policies
// nothing is proposed.
//
// confined to that executor, except where noted.
class Prefetcher final : public fetch::Observer, private prefetch::Proposals {
 public:
  using MakePolicy = std::function<std::unique_ptr<prefetch::PolicySet>(prefetch::Proposals&)>;
  struct Owner {
    LoopExecutor* executor = nullptr;
    fetch::ChunkOwner* owner = nullptr;
  };
  // `recorder` may be null; it outlives the prefetcher.
  Prefetcher(const MakePolicy& make_policy, Recorder* recorder, std::uint32_t chunk_bytes);
  ~Prefetcher() override;
  // Once, before the first read.
  void set_owners(std::vector<Owner> owners);
  void on_observations(std::uint32_t owner, std::vector<fetch::Observation>& seen) override;
  // Proposes nothing any more.
  void stop() { stopped_ = true; }

  // synchronized. Readers follow `order` from now on.
  void set_order(std::shared_ptr<prefetch::Order> order, const prefetch::OrderOptions& options);
  // synchronized. Policies and eviction; waits for a turn of the executor, or answers with what was
  // last known when that takes long.
  [[nodiscard]] PrefetchStatus status();

 private:
  struct Snapshot;
  void think(const std::vector<fetch::Observation>& seen);
  void tell(const fetch::Observation& one);
  void propose(const prefetch::Range& range) override;
  void send_proposals();
  void choose_eviction();
  [[nodiscard]] PrefetchStatus look() const;

  std::unique_ptr<prefetch::PolicySet> policies_;
  Recorder* const recorder_;
  const std::uint32_t chunk_bytes_;
  std::vector<Owner> owners_;
  std::vector<std::vector<std::pair<ChunkId, fetch::ByteRange>>> proposals_;  // by owner
  std::shared_ptr<prefetch::Order> order_;
  fetch::EvictionMode eviction_ = fetch::EvictionMode::scan_resistant;
  bool inside_observer_ = false;  // of the first owner, whose fetches must not be started then
  bool thinking_ = false;         // proposals are sent at its end
  bool sending_ = false;          // send_proposals() is posted
  bool stopped_ = false;
  const std::shared_ptr<Snapshot> snapshot_;
};

}  // namespace shoal::volume
