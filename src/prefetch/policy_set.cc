// SPDX-License-Identifier: Apache-2.0
#include "prefetch/policy_set.h"

#include <algorithm>

namespace shoal::prefetch {

std::unique_ptr<PolicySet> PolicySet::make(const PolicySetOptions& options, Proposals& proposals,
                                           Catalog* catalog) {
  return std::make_unique<PolicySet>(options, proposals, catalog);
}

PolicySet::PolicySet(const PolicySetOptions& options, Proposals& proposals, Catalog* catalog)
    : options_(options),
      proposals_(proposals),
      taps_{Tap{*this, kOrder}, Tap{*this, kStride}, Tap{*this, kFooter}, Tap{*this, kWalk},
            Tap{*this, kRandom}},
      walk_({.geometry = options.geometry,
             .data_end = options.data_end,
             .window_bytes_max = options.window_bytes_max},
            taps_[kWalk]),
      random_({.geometry = options.geometry,
               .data_end = options.data_end,
               .window_bytes_max = options.window_bytes_max},
              taps_[kRandom]) {
  if (catalog == nullptr) return;
  stride_.emplace(
      StrideOptions{.geometry = options.geometry, .window_bytes_max = options.window_bytes_max},
      *catalog, taps_[kStride]);
  footer_.emplace(FooterFirstOptions{.geometry = options.geometry,
                                     .window_bytes_max = options.window_bytes_max},
                  taps_[kFooter]);
  jumps_.emplace(*catalog, [this](const ReadSeen& read, const CatalogFile& file) {
    const bool is_footer = footer_->on_file(read, file);
    return stride_->on_file(read, file) || is_footer;
  });
}

bool PolicySet::on_read(const ReadSeen& read) {
  if (read.range.length == 0) return false;
  const bool is_claimed = claims(read);
  ledger_.on_read(read.range);
  return is_claimed;
}

bool PolicySet::claims(const ReadSeen& read) {
  if ((order_ && order_->on_read(read)) || (stride_ && stride_->on_read(read)) ||
      (footer_ && footer_->on_read(read)) || walk_.on_read(read)) {
    random_.on_claimed();
    return true;
  }
  if (jumps_) jumps_->on_unclaimed(read);
  return random_.on_read(read);
}

void PolicySet::propose(Rank rank, const Range& range) {
  if (range.begin.value >= options_.data_end.value) return;
  const Range inside{range.begin,
                     std::min(range.length, options_.data_end.value - range.begin.value)};
  if (inside.length == 0) return;
  stats_[rank].proposed_bytes += ledger_.add(inside, rank);
  proposals_.propose(inside);
}

void PolicySet::on_used(const Range& range) {
  ledger_.settle(range, [this](Ledger::Owner owner, const Range& part) {
    stats_[owner].used_bytes += part.length;
    if (Policy* proposer = policy(static_cast<Rank>(owner))) proposer->on_used(part);
  });
}

void PolicySet::on_wasted(const Range& range) {
  ledger_.settle(range, [this](Ledger::Owner owner, const Range& part) {
    stats_[owner].wasted_bytes += part.length;
    if (Policy* proposer = policy(static_cast<Rank>(owner))) proposer->on_wasted(part);
  });
}

PolicyStats PolicySet::stats() const {
  PolicyStats sum;
  for (const PolicyStats& one : stats_) {
    sum.proposed_bytes += one.proposed_bytes;
    sum.used_bytes += one.used_bytes;
    sum.wasted_bytes += one.wasted_bytes;
  }
  return sum;
}

void PolicySet::set_order(std::shared_ptr<Order> order, const OrderOptions& options) {
  clear_order();
  order_.emplace(KnownOrderOptions{.geometry = options_.geometry,
                                   .window_bytes_max = options_.window_bytes_max,
                                   .stop_when_failing = options.stop_when_failing,
                                   .begin_at_once = options.begin_at_once},
                 std::move(order), taps_[kOrder]);
}

// What it proposed is nobody's now: a later order must not answer for it.
void PolicySet::clear_order() {
  order_.reset();
  ledger_.remove(kOrder);
}

Policy* PolicySet::policy(Rank rank) {
  return const_cast<Policy*>(static_cast<const PolicySet*>(this)->policy(rank));
}

const Policy* PolicySet::policy(Rank rank) const {
  switch (rank) {
    case kOrder:
      return order_ ? &*order_ : nullptr;
    case kStride:
      return stride_ ? &*stride_ : nullptr;
    case kFooter:
      return footer_ ? &*footer_ : nullptr;
    case kWalk:
      return &walk_;
    case kRandom:
      return &random_;
    case kRankCount:
      break;
  }
  return nullptr;
}

void PolicySet::visit_stats(const std::function<void(const Report&)>& visit) const {
  constexpr std::array<std::string_view, kRankCount> kNames{"order", "stride", "footer", "walk",
                                                            "random"};
  for (std::uint32_t rank = 0; rank < kRankCount; ++rank) {
    const Policy* one = policy(static_cast<Rank>(rank));
    visit({kNames[rank], one != nullptr ? one->state() : "off", stats_[rank]});
  }
}

}  // namespace shoal::prefetch
