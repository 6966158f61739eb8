// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "base/limits.h"
#include "format/layout.h"
#include "prefetch/policy.h"

// Data addresses are given out in walk order, so a program that walks a tree (`grep -r`, `cat */*`,
// os.walk) reads ascending addresses, and what comes next is what lies behind: across the end of
// the file, of the directory and of the chunk. This policy finds such readers, several at once, and
// keeps a window ahead of each.
//
//   candidate --(reads in order)--> recognised --(reads)--> window grows while its reader still
//   waits
//
// A window starts small and doubles each time it is extended while a read had to wait since the
// last extension; so it ends at about bandwidth x latency and no further. Waste (bytes dropped
// unread, readers that stop early) lowers the ceiling of all windows and asks for more evidence
// before a reader is believed; use raises them again.

namespace shoal::prefetch {

struct WalkOrderOptions {
  format::Geometry geometry;
  DataAddress data_end;
  std::uint64_t window_bytes_min = limits::kPrefetchWindowMinBytes;
  std::uint64_t window_bytes_max = limits::kPrefetchWindowMaxBytes;
};

class WalkOrder final : public Policy {
 public:
  explicit WalkOrder(const WalkOrderOptions& options);
  void on_read(const ReadSeen& read, std::vector<Range>& proposals) override;
  void on_used(std::uint64_t bytes) override;
  void on_wasted(const Range& range) override;
  [[nodiscard]] PolicyStats stats() const override { return stats_; }
  // The ceiling of windows in force; for tests and `explain`.
  [[nodiscard]] std::uint64_t window_bytes_ceiling() const { return ceiling_; }

 private:
  static constexpr std::size_t kStreamsMax = 32;
  struct Stream {
    std::uint64_t begin = 0;         // where it was first seen
    std::uint64_t next = 0;          // block behind the last byte read
    std::uint64_t proposed_end = 0;  // everything before is proposed; 0: nothing so far
    std::uint64_t window = 0;
    std::uint64_t used_at = 0;  // tick of the last read; 0: free
    std::uint32_t reads = 0;    // in order, up to now
    bool waited = false;        // a read waited since the last proposal
  };

  Stream* match(std::uint64_t begin);
  [[nodiscard]] std::uint64_t distance(const Stream& stream, std::uint64_t begin) const;
  void start_stream(std::uint64_t begin, std::uint64_t end);
  void propose(Stream& stream, std::vector<Range>& proposals);
  void note_waste(std::uint64_t bytes);

  WalkOrderOptions options_;
  std::array<Stream, kStreamsMax> streams_{};
  std::uint64_t tick_ = 0;
  std::uint64_t ceiling_;
  std::uint32_t reads_needed_;
  std::uint64_t used_lately_ = 0;
  std::uint64_t wasted_lately_ = 0;
  PolicyStats stats_;
};

}  // namespace shoal::prefetch
