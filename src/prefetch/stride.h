// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "format/layout.h"
#include "prefetch/catalog.h"
#include "prefetch/confidence.h"
#include "prefetch/policy.h"
#include "prefetch/strider.h"

// Cross-sections: the same file of every directory, one directory after the other ("for date: for
// symbol" over SYMBOL/DATE.csv), then the next file of every directory. Neither readahead nor walk
// order sees that; the names do. Paths that differ in exactly one component, three times, make a
// stride; each (`Strider`) learns the order of the names and the step to the next row, and keeps a
// window of files ahead, across the end of its row.

namespace shoal::prefetch {

struct StrideOptions {
  format::Geometry geometry;
  std::uint64_t window_bytes_max = limits::kPrefetchWindowMaxBytes;  // of all striders together
};

// confined.
class Stride final : public Policy {
 public:
  static constexpr std::size_t kStridersMax = 16;

  Stride(const StrideOptions& options, Catalog& catalog, Proposals& proposals);
  [[nodiscard]] std::string_view name() const override { return "stride"; }
  // Claims reads of what it proposed.
  bool on_read(const ReadSeen& read) override;
  // The file of a read that nobody claimed. True: it told something.
  bool on_file(const ReadSeen& read, const CatalogFile& file);
  void on_used(const Range& range) override;
  void on_wasted(const Range& range) override;
  [[nodiscard]] PolicyStats stats() const override;
  [[nodiscard]] std::string_view state() const override { return confidence_.state(); }
  [[nodiscard]] std::uint64_t outstanding_bytes() const;
  // In no order; for tests and `explain`.
  [[nodiscard]] std::vector<Strider::Mode> modes() const;

 private:
  struct Entry {
    std::shared_ptr<Strider> strider;
    std::uint64_t used_at = 0;
  };
  bool offer(const ReadSeen& read, const CatalogFile& file, bool only_known_rows);
  void add(StrideCandidates::Found found);
  void share_window();

  StrideOptions options_;
  Catalog& catalog_;
  Proposals& proposals_;
  Confidence confidence_;
  StrideCandidates candidates_;
  std::vector<Entry> striders_;
  std::uint64_t tick_ = 0;
  bool was_silent_ = false;
  PolicyStats stats_;  // proposed: of striders that are gone
};

}  // namespace shoal::prefetch
