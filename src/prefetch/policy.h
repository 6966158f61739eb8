// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"

// A policy watches reads and proposes what to fetch next. It knows addresses only: no threads, no
// clocks, no bucket, no memory. Whoever owns it decides whether and when a proposal is fetched, and
// tells it what became of the bytes.

namespace shoal::prefetch {

struct Range {
  DataAddress begin;
  std::uint64_t length = 0;
  constexpr bool operator==(const Range&) const = default;
};

struct ReadSeen {
  Range range;
  bool hit = false;  // answered without waiting for the bucket
};

struct PolicyStats {
  std::uint64_t proposed_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t wasted_bytes = 0;
};

// confined.
class Policy {
 public:
  virtual ~Policy() = default;
  // Appends what should be fetched next to `proposals`, nearest first.
  virtual void on_read(const ReadSeen& read, std::vector<Range>& proposals) = 0;
  // Fetched bytes were read, or were dropped without a reader.
  virtual void on_used(std::uint64_t bytes) = 0;
  virtual void on_wasted(const Range& range) = 0;
  [[nodiscard]] virtual PolicyStats stats() const = 0;
};

}  // namespace shoal::prefetch
