// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "index/journal.h"
#include "index/progress.h"

namespace shoal::index {

// Turns a complete staging into the next generation: one pass in walk order gives out data
// addresses and writes the objects and chunks families as sorted files; a second, short one
// collects the special keys. The new generation replaces the old one in a single atomic ingestion,
// which also forgets the cache states of the old layout and the journal. Memory does not grow with
// the number of objects. Killed before that step, nothing has happened; the pass is simply done
// again.
[[nodiscard]] Result<format::GenerationRecord> lay_out(
    Database& database, const format::DatasetRecord& dataset, std::string_view prefix,
    const Journal::State& state, const std::filesystem::path& runs, Progress& progress);

}  // namespace shoal::index
