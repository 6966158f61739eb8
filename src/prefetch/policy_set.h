// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "base/limits.h"
#include "format/layout.h"
#include "prefetch/footer_first.h"
#include "prefetch/jump_lookup.h"
#include "prefetch/known_order.h"
#include "prefetch/ledger.h"
#include "prefetch/policy.h"
#include "prefetch/random_order.h"
#include "prefetch/stride.h"
#include "prefetch/walk_order.h"

// All policies of a volume as one. A read is offered to them from the surest to the boldest:
//
//   read --> order --> stride --> footer --> walk --> random
//            each either claims it, and the rest do not see it, or passes it on
//
// so the walk keeps its streams on every read that is not explained by names or by a given order.
// What nobody before `random` claims is looked up in the catalog for stride and footer. Proposals
// are cut to the data, noted in a ledger, and their use or waste told to the one that made them.

namespace shoal::prefetch {

struct PolicySetOptions {
  format::Geometry geometry;
  DataAddress data_end;
  std::uint64_t window_bytes_max = limits::kPrefetchWindowMaxBytes;  // of each policy
};

struct OrderOptions {
  bool stop_when_failing = false;  // replay
  bool begin_at_once = false;      // propose the beginning before anything was read
};

// confined.
class PolicySet final : public Policy {
 public:
  enum Rank : std::uint32_t { kOrder, kStride, kFooter, kWalk, kRandom, kRankCount };

  // Without a catalog there is no stride and no footer. `proposals` and `catalog` outlive the set.
  [[nodiscard]] static std::unique_ptr<PolicySet> make(const PolicySetOptions& options,
                                                       Proposals& proposals, Catalog* catalog);
  PolicySet(const PolicySetOptions& options, Proposals& proposals, Catalog* catalog);
  PolicySet(const PolicySet&) = delete;
  PolicySet& operator=(const PolicySet&) = delete;

  [[nodiscard]] std::string_view name() const override { return "all"; }
  bool on_read(const ReadSeen& read) override;
  void on_used(const Range& range) override;
  void on_wasted(const Range& range) override;
  [[nodiscard]] PolicyStats stats() const override;  // the sum

  // Readers follow `order` from now on (replaces another one). Files appended to it later belong to
  // it.
  void set_order(std::shared_ptr<Order> order, const OrderOptions& options);
  void clear_order();
  [[nodiscard]] bool is_order_active() const { return order_ && !order_->is_stopped(); }
  [[nodiscard]] bool is_random() const { return random_.is_random(); }

  struct Report {
    std::string_view name;
    std::string_view state;  // as Policy::state(); "off": not there
    PolicyStats stats;       // bytes that two policies proposed count for the first
  };
  void visit_stats(const std::function<void(const Report&)>& visit) const;

 private:
  // Notes who proposes, and passes on.
  class Tap final : public Proposals {
   public:
    Tap(PolicySet& set, Rank rank) : set_(set), rank_(rank) {}
    void propose(const Range& range) override { set_.propose(rank_, range); }

   private:
    PolicySet& set_;
    Rank rank_;
  };
  void propose(Rank rank, const Range& range);
  bool claims(const ReadSeen& read);
  [[nodiscard]] Policy* policy(Rank rank);
  [[nodiscard]] const Policy* policy(Rank rank) const;

  PolicySetOptions options_;
  Proposals& proposals_;
  std::array<Tap, kRankCount> taps_;
  Ledger ledger_;
  std::array<PolicyStats, kRankCount> stats_{};

  std::optional<KnownOrder> order_;
  std::optional<Stride> stride_;
  std::optional<FooterFirst> footer_;
  WalkOrder walk_;
  RandomOrder random_;
  std::optional<JumpLookup> jumps_;
};

}  // namespace shoal::prefetch
