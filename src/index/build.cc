// SPDX-License-Identifier: Apache-2.0
#include "index/build.h"

#include "index/layout.h"
#include "index/listing.h"
#include "index/rocks_index.h"

namespace shoal::index {
namespace {

using format::DatasetRecord;
using format::GenerationRecord;

Result<Database*> writable_database(Index& index) {
  auto* rocks = dynamic_cast<RocksIndex*>(&index);
  if (rocks == nullptr || rocks->database().is_read_only())
    return fail(ErrorCode::precondition, "build index: it was opened read-only",
                "Open it for writing.");
  return &rocks->database();
}

// Refuses another dataset; otherwise states this one. While a generation is there, its record must
// keep describing it: the new one replaces it together with the generation.
Result<void> state_dataset(Database& database, const Index& index, const DatasetRecord& dataset) {
  if (dataset.url.empty() || !dataset.geometry.is_valid())
    return fail(ErrorCode::bad_input,
                "build index " + database.directory().string() +
                    ": the dataset has no URL or an impossible block or "
                    "chunk size",
                "Use blocks of 512 or 4096 bytes and chunks that are a multiple of them, up to "
                "64 MiB.");
  SHOAL_TRY(const auto stored, index.dataset());
  if (stored && (stored->url != dataset.url || stored->endpoint != dataset.endpoint)) {
    const auto named = [](const DatasetRecord& record) {
      return record.endpoint.empty() ? record.url : record.url + " at " + record.endpoint;
    };
    return fail(ErrorCode::precondition,
                "build index " + database.directory().string() + ": it holds " + named(*stored) +
                    ", not " + named(dataset),
                "Use another directory for this dataset, or delete the volume.");
  }
  SHOAL_TRY(const auto generation, index.generation());
  if (generation || (stored && *stored == dataset)) return {};
  return database.put(Family::meta, kDatasetKey, format::encode(dataset));
}

Result<Journal::State> begin_or_resume(Journal& journal, const Index& index, const Clock& clock) {
  SHOAL_TRY(auto interrupted, journal.load());
  if (interrupted && !interrupted->ranges.empty()) return std::move(*interrupted);
  SHOAL_TRY(const auto current, index.generation());
  Journal::State state;
  state.building.generation = {current ? current->generation.value + 1 : 1};
  state.building.listed_at =
      std::chrono::duration_cast<std::chrono::seconds>(clock.wall_now().time_since_epoch()).count();
  state.ranges[0] = {};
  SHOAL_CHECK_OK(journal.begin(state));
  return state;
}

// An empty folder on the same disk as the database, so that files can be moved into it.
Result<std::filesystem::path> make_runs_folder(const Database& database) {
  const std::filesystem::path runs = database.directory() / "runs";
  std::error_code failed;
  std::filesystem::remove_all(runs, failed);
  if (!failed) std::filesystem::create_directory(runs, failed);
  if (failed)
    return fail(ErrorCode::io, "make folder " + runs.string() + ": " + failed.message(),
                "Check the rights on the volume's directory and its free space.");
  return runs;
}

}  // namespace

Result<GenerationRecord> build(Index& index, const DatasetRecord& dataset, std::string_view prefix,
                               store::ObjectStore& store, Executor& executor,
                               const BuildOptions& options) {
  SHOAL_TRY(Database* const database, writable_database(index));
  SHOAL_CHECK_OK(state_dataset(*database, index, dataset));
  SHOAL_TRY(const std::filesystem::path runs, make_runs_folder(*database));
  Journal journal(*database);
  Progress progress(options);
  SHOAL_TRY(Journal::State state, begin_or_resume(journal, index, *options.clock));
  if (!state.is_listed()) {
    const ListingSource source{.prefix = std::string(prefix),
                               .store = store,
                               .executor = executor,
                               .requests_in_flight = options.list_requests_in_flight};
    const Result<void> listed = list_into_staging(*database, state, source, runs, progress);
    if (!listed) {
      Error error = listed.error();
      return fail(std::move(error).with_context("index " + dataset.url));
    }
  }
  if (state.keys() == 0) {
    SHOAL_CHECK_OK(journal.clear());
    return fail(ErrorCode::not_found, "no object under " + dataset.url,
                "Check bucket, prefix and endpoint; a prefix ends in '/'.");
  }
  SHOAL_TRY(GenerationRecord generation,
            lay_out(*database, dataset, prefix, state, runs, progress));
  SHOAL_CHECK_OK(journal.clear());
  std::error_code ignored;  // empty by now; swept by the next build otherwise
  std::filesystem::remove_all(runs, ignored);
  progress.enter(BuildProgress::Phase::done);
  return generation;
}

}  // namespace shoal::index
