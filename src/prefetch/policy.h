// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.h"

// A policy watches reads and proposes what to fetch next. It knows addresses, and names through a
// Catalog: no threads, no clocks, no bucket, no memory. Whoever owns it decides whether and when a
// proposal is fetched, and tells it what became of the bytes.

namespace shoal::prefetch {

struct Range {
  DataAddress begin;
  std::uint64_t length = 0;
  constexpr bool operator==(const Range&) const = default;
  [[nodiscard]] constexpr std::uint64_t end() const { return begin.value + length; }
};

struct ReadSeen {
  Range range;
  bool hit = false;  // answered without waiting for the bucket
};

// Where proposals go. confined to the policies' executor.
class Proposals {
 public:
  virtual ~Proposals() = default;
  // Nearest first. Objects that lie partly in the range are fetched whole (see fetch).
  virtual void propose(const Range& range) = 0;
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
  [[nodiscard]] virtual std::string_view name() const = 0;
  // May propose, now or when a Catalog answers. True: the read goes on with a pattern this policy
  // has recognised, so weaker policies need not look at it.
  virtual bool on_read(const ReadSeen& read) = 0;
  // What this policy proposed and was fetched met its reader, or was dropped without one.
  virtual void on_used(const Range& range) = 0;
  virtual void on_wasted(const Range& range) = 0;
  [[nodiscard]] virtual PolicyStats stats() const = 0;
  // "on", "turned down" (wasted, so it asks for less), "silent" (for a while) or "stopped" (for
  // good); for status and `explain`.
  [[nodiscard]] virtual std::string_view state() const { return "on"; }
};

}  // namespace shoal::prefetch
