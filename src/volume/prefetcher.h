// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/executor.h"
#include "fetch/chunk_owner.h"
#include "fetch/observer.h"
#include "prefetch/policy.h"

namespace shoal::volume {

// Carries what the fetch threads see to the policy and what the policy proposes back to the owners
// of the chunks. Lives on the first owner's executor; what other owners saw arrives there in
// batches. A null policy proposes nothing. confined to that executor, except on_observations().
class Prefetcher final : public fetch::Observer {
 public:
  struct Owner {
    LoopExecutor* executor = nullptr;
    fetch::ChunkOwner* owner = nullptr;
  };
  Prefetcher(std::unique_ptr<prefetch::Policy> policy, std::uint32_t chunk_bytes)
      : policy_(std::move(policy)), chunk_bytes_(chunk_bytes) {}
  // Once, before the first read.
  void set_owners(std::vector<Owner> owners) { owners_ = std::move(owners); }
  void on_observations(std::uint32_t owner, std::vector<fetch::Observation>& seen) override;
  // On the first owner's executor: proposes nothing any more.
  void stop() { stopped_ = true; }

 private:
  void think(const std::vector<fetch::Observation>& seen);
  void propose(const prefetch::Range& range);

  std::unique_ptr<prefetch::Policy> policy_;
  std::uint32_t chunk_bytes_;
  std::vector<Owner> owners_;
  std::vector<prefetch::Range> proposals_;
  bool stopped_ = false;
};

}  // namespace shoal::volume
