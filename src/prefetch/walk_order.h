// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "base/limits.h"
#include "base/rng.h"
#include "format/layout.h"
#include "prefetch/confidence.h"
#include "prefetch/policy.h"

// Data addresses are given out in walk order, so a program that walks a tree (`grep -r`, `cat */*`,
// os.walk) reads ascending addresses, and what comes next is what lies behind: across the end of
// the file, of the directory and of the chunk. This policy finds such readers, many at once (`rg`,
// `xargs -P16 -n256`), and keeps a window ahead of each.
//
//   candidate --(reads in order)--> recognised --(reads)--> window grows while its reader still
//   waits
//
// A window starts small and doubles each time it is extended while a read had to wait since the
// last extension; so it ends at about bandwidth x latency and no further. All windows together stay
// below `total_bytes_max`. Waste (bytes dropped unread, readers that stop early) lowers the ceiling
// of all windows and asks for more evidence before a reader is believed; use raises them again.
//
// More readers than slots: a candidate mostly keeps its slot for 512 reads, so that some live long
// enough to be recognised whatever the order in which the readers come; a recognised reader keeps
// its slot until it has been idle for 1024.

namespace shoal::prefetch {

struct WalkOrderOptions {
  format::Geometry geometry;
  DataAddress data_end;
  std::uint64_t window_bytes_min = limits::kPrefetchWindowMinBytes;
  std::uint64_t window_bytes_max = limits::kPrefetchWindowMaxBytes;
  std::uint64_t total_bytes_max = 0;  // of all windows; 0: twice window_bytes_max
};

// confined.
class WalkOrder final : public Policy {
 public:
  static constexpr std::size_t kStreamsMax = 64;
  static constexpr std::size_t kCandidatesMax = 64;

  WalkOrder(const WalkOrderOptions& options, Proposals& proposals);
  [[nodiscard]] std::string_view name() const override { return "walk"; }
  // Claims reads of recognised streams.
  bool on_read(const ReadSeen& read) override;
  void on_used(const Range& range) override;
  void on_wasted(const Range& range) override;
  [[nodiscard]] PolicyStats stats() const override { return stats_; }
  [[nodiscard]] std::string_view state() const override { return confidence_.state(); }
  // The ceiling of windows in force; for tests and `explain`.
  [[nodiscard]] std::uint64_t window_bytes_ceiling() const {
    return confidence_.ceiling(options_.window_bytes_min, options_.window_bytes_max);
  }
  // Proposed and not yet passed by the reader it was proposed for.
  [[nodiscard]] std::uint64_t outstanding_bytes() const;

 private:
  struct Stream {
    std::uint64_t begin = 0;         // where it was first seen
    std::uint64_t next = 0;          // block behind the last byte read
    std::uint64_t proposed_end = 0;  // everything before is proposed; 0: nothing so far
    std::uint64_t window = 0;
    std::uint64_t gap = 0;         // how far ahead its next read may begin
    std::uint64_t read_bytes = 0;  // lately; of span_bytes it went on
    std::uint64_t span_bytes = 0;
    std::uint64_t used_at = 0;  // tick of the last read; 0: free
    std::uint32_t reads = 0;    // in order, up to now
    bool waited = false;        // a read waited since the last proposal
  };

  [[nodiscard]] std::uint64_t distance(const Stream& stream, std::uint64_t begin) const;
  template <std::size_t N>
  Stream* match(std::array<Stream, N>& streams, std::uint64_t begin) const;
  void go_on(Stream& stream, std::uint64_t begin, std::uint64_t end, bool hit);
  static bool is_sparse(Stream& stream);
  void forget(Stream& stream);
  Stream* free_candidate();
  void start_candidate(std::uint64_t begin, std::uint64_t end);
  Stream* recognise(Stream& candidate);
  void propose(Stream& stream);
  std::uint64_t propose_until(const Stream& stream, std::uint64_t end);
  [[nodiscard]] std::uint64_t share() const;

  WalkOrderOptions options_;
  Proposals& proposals_;
  Confidence confidence_;
  Rng rng_{1};
  std::array<Stream, kStreamsMax> streams_{};
  std::array<Stream, kCandidatesMax> candidates_{};
  Stream* last_ = nullptr;  // recognised, used last
  std::uint64_t tick_ = 0;
  PolicyStats stats_;
};

}  // namespace shoal::prefetch
