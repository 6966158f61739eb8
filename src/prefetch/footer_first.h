// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "base/limits.h"
#include "format/layout.h"
#include "prefetch/catalog.h"
#include "prefetch/confidence.h"
#include "prefetch/policy.h"

// Parquet, ORC and zip readers begin at the end of a file, where its table of contents is, and jump
// to the parts they want. Two of the last eight files begun that way are evidence. Then a file no
// larger than a chunk is asked for whole; of a larger one the footer, and around each read that
// follows a little more, doubling while reads go on where the last one ended: columns, not a walk.

namespace shoal::prefetch {

struct FooterFirstOptions {
  format::Geometry geometry;
  std::uint64_t window_bytes_max = limits::kPrefetchWindowMaxBytes;
};

// confined.
class FooterFirst final : public Policy {
 public:
  FooterFirst(const FooterFirstOptions& options, Proposals& proposals)
      : options_(options), proposals_(proposals) {}
  [[nodiscard]] std::string_view name() const override { return "footer"; }
  // Claims reads of files begun at their footer.
  bool on_read(const ReadSeen& read) override;
  // The file of a read that nobody claimed. True: it told something.
  bool on_file(const ReadSeen& read, const CatalogFile& file);
  void on_used(const Range& range) override;
  void on_wasted(const Range& range) override;
  [[nodiscard]] PolicyStats stats() const override { return stats_; }
  [[nodiscard]] std::string_view state() const override { return confidence_.state(); }
  [[nodiscard]] std::uint64_t outstanding_bytes() const;

 private:
  static constexpr std::size_t kFilesMax = 64;
  struct File {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;   // in blocks; 0: free
    std::uint64_t next = 0;  // behind the last read: where a column goes on
    std::uint64_t ahead = 0;
    std::uint64_t proposed_begin = 0;  // proposed last, read on from `next`
    std::uint64_t proposed_end = 0;
    std::uint64_t unread = 0;  // bytes proposed, less those read since
    std::uint64_t used_at = 0;
    bool is_footer_first = false;
  };
  File* find(std::uint64_t address);
  File& begin_file(const ReadSeen& read, const CatalogFile& file);
  void go_on(File& file, const ReadSeen& read);
  void propose(File& file, std::uint64_t begin, std::uint64_t end);

  FooterFirstOptions options_;
  Proposals& proposals_;
  Confidence confidence_;
  std::array<File, kFilesMax> files_{};
  std::uint8_t begun_ = 0;  // bit per file begun, newest lowest: 1 at its footer
  std::uint64_t tick_ = 0;
  PolicyStats stats_;
};

}  // namespace shoal::prefetch
