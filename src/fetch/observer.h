// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"

namespace shoal::fetch {

// What a fetch thread saw, for whoever decides about prefetching.
struct Observation {
  enum class Kind : std::uint8_t {
    read,    // a reader asked for the range; `hit`: it did not wait for the bucket
    used,    // prefetched bytes met their reader
    wasted,  // prefetched bytes were dropped unread
  };
  Kind kind = Kind::read;
  bool hit = false;
  DataAddress begin;
  std::uint64_t length = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;
  // Called on the owner's executor with everything since the last call, in order; may call
  // ChunkOwner::prefetch of the same owner. The vector is the owner's and reused: copy or swap.
  virtual void on_observations(std::uint32_t owner, std::vector<Observation>& seen) = 0;
};

}  // namespace shoal::fetch
