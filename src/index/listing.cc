// SPDX-License-Identifier: Apache-2.0
#include "index/listing.h"

#include "base/limits.h"
#include "index/lister.h"
#include "index/run_writer.h"
#include "index/staging.h"

namespace shoal::index {
namespace {

// The storing side of a listing: takes pages in order, fills runs, hands them to the writer.
class Storing {
 public:
  Storing(Database& database, Journal::State& state, const ListingSource& source,
          const std::filesystem::path& runs, Progress& progress)
      : state_(state),
        source_(source),
        progress_(progress),
        building_before_(state.building),
        writer_(database, runs) {}

  // Until the lister's last page. The first failure stops the lister; its last page still comes.
  Result<void> run(PageQueue& queue, Lister& lister) {
    Result<void> outcome;
    bool stopped = false;
    for (;;) {
      auto page = queue.pop(Progress::kEvery);
      if (!stopped && (progress_.is_stopped() || !outcome)) {
        stopped = true;
        lister.stop();
      }
      if (page) {
        if (page->finished) {
          if (outcome) outcome = std::move(*page->finished);
          break;
        }
        if (outcome) outcome = store(std::move(*page));
        lister.resume();
      }
      progress_.tell_if_due();
    }
    // Also after a failure: the next build goes on from here.
    Result<void> kept = flush();
    if (kept) kept = writer_.drain();
    return outcome ? kept : outcome;
  }

 private:
  Result<void> store(ListedPage page) {
    for (const store::ObjectInfo& object : page.objects) {
      stage(object, source_.prefix, run_.keys);
      bytes_ += object.size;
    }
    keys_ += page.objects.size();
    requests_ = page.requests;
    for (auto& [id, range] : page.ranges) {
      state_.ranges[id] = range;
      run_.ranges[id] = std::move(range);
    }
    BuildProgress& shown = progress_.state();
    shown.keys = shown.keys_resumed + keys_;
    shown.bytes = building_before_.object_bytes + bytes_;
    shown.list_requests = building_before_.list_requests + requests_;
    shown.active_ranges = page.active_ranges;
    progress_.estimate(page.fraction);
    if (run_.keys.bytes() >= limits::kSortedRunBytes) return flush();
    return {};
  }

  Result<void> flush() {
    if (run_.ranges.empty()) return {};
    state_.building.object_bytes = building_before_.object_bytes + bytes_;
    state_.building.list_requests = building_before_.list_requests + requests_;
    state_.building.listing_seconds =
        building_before_.listing_seconds + progress_.elapsed().count();
    run_.building = state_.building;
    for (;;) {
      SHOAL_TRY(const bool accepted, writer_.submit(run_, Progress::kEvery));
      if (accepted) return {};
      progress_.tell_if_due();
    }
  }

  Journal::State& state_;
  const ListingSource& source_;
  Progress& progress_;
  const format::GenerationRecord building_before_;
  std::uint64_t keys_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t requests_ = 0;
  RunWriter::Run run_;
  RunWriter writer_;
};

}  // namespace

Result<void> list_into_staging(Database& database, Journal::State& state,
                               const ListingSource& source, const std::filesystem::path& runs,
                               Progress& progress) {
  SHOAL_TRY(KeyRanges ranges, KeyRanges::restore(state.ranges));
  progress.state().keys = progress.state().keys_resumed = state.keys();
  progress.state().bytes = state.building.object_bytes;
  progress.state().list_requests = state.building.list_requests;
  progress.enter(BuildProgress::Phase::listing);
  PageQueue queue;
  // Shared with the answers under way, which keep it alive until they have run.
  const auto lister = std::make_shared<Lister>(
      Lister::Options{.prefix = source.prefix,
                      .requests_in_flight = std::max(1u, source.requests_in_flight)},
      std::move(ranges), source.store, source.executor, queue);
  Storing storing(database, state, source, runs, progress);
  lister->start();
  return storing.run(queue, *lister);
}

}  // namespace shoal::index
