// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "index/journal.h"
#include "index/progress.h"

namespace shoal::index {

struct ListingSource {
  std::string prefix;
  store::ObjectStore& store;
  Executor& executor;
  std::uint32_t requests_in_flight = 16;
};

// Lists what `state` says is missing into staging, keeping the journal up to date, and brings
// `state` up to date. What was stored before a failure or a stop stays stored. Blocks. `runs` is a
// folder for files under way.
[[nodiscard]] Result<void> list_into_staging(Database& database, Journal::State& state,
                                             const ListingSource& source,
                                             const std::filesystem::path& runs, Progress& progress);

}  // namespace shoal::index
