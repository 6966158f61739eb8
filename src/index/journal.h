// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/result.h"
#include "format/records.h"
#include "index/database.h"
#include "index/key_ranges.h"

namespace shoal::index {

// What a build that may be killed at any moment needs to know to go on: the generation it makes,
// and how far each range of its listing is stored in staging.
//
//   no "building" record                 staging is rubbish; a build starts anew
//   "building", a range not done         listing; goes on behind each range's position
//   "building", all ranges done          layout; done again from staging
//
// The step from the last line to the first is the atomic ingestion of the new generation.
//
// Thread model: serialized. Private to index/.
class Journal {
 public:
  explicit Journal(Database& database) : database_(database) {}

  struct State {
    // Its number, start, and what the listing has cost and found so far.
    format::GenerationRecord building;
    ListingRanges ranges;
    [[nodiscard]] bool is_listed() const;
    [[nodiscard]] std::uint64_t keys() const;
  };
  [[nodiscard]] Result<std::optional<State>> load() const;
  // Empties staging and records the start of a listing.
  [[nodiscard]] Result<void> begin(const State& state);
  // Call once the keys up to these positions are in staging.
  [[nodiscard]] Result<void> advance(const format::GenerationRecord& building,
                                     const ListingRanges& changed);
  // Forgets the listing.
  [[nodiscard]] Result<void> clear();

 private:
  Database& database_;
};

}  // namespace shoal::index
