// SPDX-License-Identifier: Apache-2.0
#include "volume/prefetcher.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

namespace shoal::volume {
namespace {

using namespace std::chrono_literals;

constexpr auto kStatusPatience = 200ms;

class OrderNextUse final : public fetch::NextUse {
 public:
  explicit OrderNextUse(std::shared_ptr<const prefetch::Order> order) : order_(std::move(order)) {}
  std::uint64_t next_use(ChunkId chunk) const override { return order_->next_use(chunk); }

 private:
  static_assert(kNever == prefetch::Order::kNever);
  std::shared_ptr<const prefetch::Order> order_;
};

std::string_view name_of(fetch::EvictionMode mode) {
  switch (mode) {
    case fetch::EvictionMode::scan_resistant:
      return "scan-resistant";
    case fetch::EvictionMode::keep:
      return "keep";
    case fetch::EvictionMode::next_use:
      return "next-use";
  }
  return "";
}

}  // namespace

// What status() reads; outlives the prefetcher while somebody waits.
struct Prefetcher::Snapshot {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  PrefetchStatus status;
};

Prefetcher::Prefetcher(const MakePolicy& make_policy, Recorder* recorder, std::uint32_t chunk_bytes)
    : policies_(make_policy ? make_policy(*this) : nullptr),
      recorder_(recorder),
      chunk_bytes_(chunk_bytes),
      snapshot_(std::make_shared<Snapshot>()) {}

Prefetcher::~Prefetcher() = default;

void Prefetcher::set_owners(std::vector<Owner> owners) {
  owners_ = std::move(owners);
  proposals_.resize(owners_.size());
}

void Prefetcher::on_observations(std::uint32_t owner, std::vector<fetch::Observation>& seen) {
  if (recorder_ != nullptr)
    for (const fetch::Observation& one : seen)
      if (one.kind == fetch::Observation::Kind::read) recorder_->on_read({one.begin, one.length});
  if (policies_ == nullptr) return;
  if (owner == 0) {
    inside_observer_ = true;
    think(seen);
    inside_observer_ = false;
    return;
  }
  owners_[0].executor->post([this, batch = std::exchange(seen, {})] { think(batch); });
}

void Prefetcher::think(const std::vector<fetch::Observation>& seen) {
  if (stopped_) return;
  thinking_ = true;
  for (const fetch::Observation& one : seen) tell(one);
  thinking_ = false;
  choose_eviction();
  send_proposals();
}

void Prefetcher::tell(const fetch::Observation& one) {
  switch (one.kind) {
    case fetch::Observation::Kind::read:
      policies_->on_read({{one.begin, one.length}, one.hit});
      break;
    case fetch::Observation::Kind::used:
      policies_->on_used({one.begin, one.length});
      break;
    case fetch::Observation::Kind::wasted:
      policies_->on_wasted({one.begin, one.length});
      break;
  }
}

// Comes from inside think(), and from the catalog's answers.
void Prefetcher::propose(const prefetch::Range& range) {
  if (stopped_) return;
  std::uint64_t begin = range.begin.value;
  const std::uint64_t end = begin + range.length;
  while (begin < end) {
    const ChunkId chunk{begin / chunk_bytes_};
    const std::uint64_t chunk_begin = chunk.value * chunk_bytes_;
    const std::uint64_t stop = std::min(end, chunk_begin + chunk_bytes_);
    proposals_[chunk.value % owners_.size()].emplace_back(
        chunk, fetch::ByteRange{static_cast<std::uint32_t>(begin - chunk_begin),
                                static_cast<std::uint32_t>(stop - chunk_begin)});
    begin = stop;
  }
  if (thinking_ || sending_) return;
  sending_ = true;
  owners_[0].executor->post([this] { send_proposals(); });
}

void Prefetcher::send_proposals() {
  sending_ = false;
  for (std::size_t number = 0; number < owners_.size(); ++number) {
    if (proposals_[number].empty()) continue;
    fetch::ChunkOwner* owner = owners_[number].owner;
    if (number > 0) {
      owners_[number].executor->post([owner, batch = std::exchange(proposals_[number], {})] {
        for (const auto& [chunk, range] : batch) owner->prefetch(chunk, range);
        owner->start_prefetches();
      });
      continue;
    }
    for (const auto& [chunk, range] : proposals_[0]) owner->prefetch(chunk, range);
    proposals_[0].clear();
    if (!inside_observer_) owner->start_prefetches();
  }
}

void Prefetcher::choose_eviction() {
  const auto mode = policies_->is_order_active() ? fetch::EvictionMode::next_use
                    : policies_->is_random()     ? fetch::EvictionMode::keep
                                                 : fetch::EvictionMode::scan_resistant;
  if (mode == eviction_) return;
  eviction_ = mode;
  std::shared_ptr<const fetch::NextUse> next_use;
  if (mode == fetch::EvictionMode::next_use) next_use = std::make_shared<OrderNextUse>(order_);
  for (const Owner& to : owners_)
    to.executor->post([owner = to.owner, mode, next_use] { owner->set_eviction(mode, next_use); });
}

void Prefetcher::set_order(std::shared_ptr<prefetch::Order> order,
                           const prefetch::OrderOptions& options) {
  owners_[0].executor->post([this, order = std::move(order), options]() mutable {
    if (policies_ == nullptr || stopped_) return;
    order_ = order;
    eviction_ = fetch::EvictionMode::scan_resistant;  // another order: told anew
    policies_->set_order(std::move(order), options);
    choose_eviction();
    send_proposals();
  });
}

PrefetchStatus Prefetcher::status() {
  std::unique_lock lock(snapshot_->mutex);
  const std::uint64_t number = ++snapshot_->asked;
  owners_[0].executor->post([this, snapshot = snapshot_, number] {
    PrefetchStatus now = look();
    const std::lock_guard guard(snapshot->mutex);
    snapshot->status = std::move(now);
    snapshot->answered = std::max(snapshot->answered, number);
    snapshot->changed.notify_all();
  });
  snapshot_->changed.wait_for(lock, kStatusPatience, [&] { return snapshot_->answered >= number; });
  return snapshot_->status;
}

PrefetchStatus Prefetcher::look() const {
  PrefetchStatus status;
  status.eviction = name_of(eviction_);
  if (recorder_ != nullptr) status.recorded_files = recorder_->files();
  if (policies_ == nullptr) return status;
  policies_->visit_stats([&](const prefetch::PolicySet::Report& report) {
    status.policies.push_back({.name = std::string(report.name),
                               .state = std::string(report.state),
                               .proposed_bytes = report.stats.proposed_bytes,
                               .used_bytes = report.stats.used_bytes,
                               .wasted_bytes = report.stats.wasted_bytes});
  });
  if (order_ != nullptr) {
    status.order_files = order_->size();
    status.order_position = order_->position();
    status.order_stopped = !policies_->is_order_active();
  }
  return status;
}

}  // namespace shoal::volume
