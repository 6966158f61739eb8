// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/limits.h"
#include "format/layout.h"
#include "prefetch/confidence.h"
#include "prefetch/policy.h"

// Shuffled epochs whose order nobody has told: the next file cannot be guessed, but every file will
// be read once. While nine of ten of the last 64 reads fit no pattern and they lie in many
// chunks, a miss asks for the rest of its chunk, so that later reads find it, as far as the budget
// goes: eight bytes for each byte that readers waited for, fewer after waste, none when fills are
// dropped unread (the dataset is larger than the cache). Hits ask for nothing, so a filled cache
// ends it; so do reads that follow a pattern.
//
// A sample of a large dataset looks the same at first, but finds next to nothing of what was
// filled. So there is credit for one window of fills, and after that eight bytes for each byte of
// them that was read, and one for eight that readers waited for.

namespace shoal::prefetch {

struct RandomOrderOptions {
  format::Geometry geometry;
  DataAddress data_end;
  std::uint64_t window_bytes_max = limits::kPrefetchWindowMaxBytes;  // asked for in one go
};

// confined.
class RandomOrder final : public Policy {
 public:
  RandomOrder(const RandomOrderOptions& options, Proposals& proposals)
      : options_(options), proposals_(proposals), credit_bytes_(options.window_bytes_max) {}
  [[nodiscard]] std::string_view name() const override { return "random"; }
  // A read that no other policy has claimed. Claims it while the order is random.
  bool on_read(const ReadSeen& read) override;
  // A read that fits a pattern.
  void on_claimed();
  void on_used(const Range& range) override;
  void on_wasted(const Range& range) override;
  [[nodiscard]] PolicyStats stats() const override { return stats_; }
  [[nodiscard]] std::string_view state() const override { return confidence_.state(); }
  // Whether the hypothesis holds, be it fit for filling or not: the cache should keep what it has.
  [[nodiscard]] bool is_random() const { return is_random_; }

 private:
  static constexpr std::size_t kReadsSeen = 64;
  static constexpr std::size_t kFilledKept = 256;
  void judge();
  [[nodiscard]] std::size_t chunks_seen() const;
  void fill(ChunkId chunk);

  RandomOrderOptions options_;
  Proposals& proposals_;
  Confidence confidence_;
  std::uint64_t unclaimed_ = 0;  // bit per read, newest lowest
  std::uint64_t reads_ = 0;
  std::array<std::uint64_t, kReadsSeen> chunks_{};  // of the last unclaimed reads, plus one
  std::size_t chunks_next_ = 0;
  std::array<std::uint64_t, kFilledKept> filled_{};  // chunks filled, plus one, by hash
  std::uint64_t budget_bytes_ = 0;
  std::uint64_t credit_bytes_;
  bool is_random_ = false;
  PolicyStats stats_;
};

}  // namespace shoal::prefetch
