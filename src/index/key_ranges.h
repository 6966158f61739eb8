// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "format/records.h"

// The key space of a listing as ranges, each with a position. Pure bookkeeping.
//
// Invariant, checked by assert_partition(): ordered by begin, each range ends where the next
// begins, the first begins before every key and only the last has no end. So every key lies in
// exactly one range, whatever is split when; and begin <= after <= through.
//
// Thread model: confined.

namespace shoal::index {

struct KeyRange {
  std::uint64_t id = 0;
  std::string begin{};    // exclusive; the map's key
  std::string after{};    // everything up to here has been seen
  std::string through{};  // inclusive; empty: no bound
  std::string token{};    // continues behind `after`; empty: start there
  bool done = false;
  bool in_flight = false;
  bool has_keys_behind = false;  // known: right behind `through`
  std::uint64_t keys = 0;        // seen, including those of an interrupted run
  std::string recent{};          // where the last page with keys began, and how many it had
  std::uint64_t recent_keys = 0;
  std::uint32_t empty_pages = 0;      // in a row
  std::uint32_t pages_untouched = 0;  // since a cut of this range was tried

  [[nodiscard]] bool holds(const std::string& key) const {
    return key > after && (through.empty() || key <= through);
  }
  [[nodiscard]] format::ListingRange record() const {
    return {.after = after, .through = through, .done = done, .keys = keys};
  }
};

// Ranges by id, as stored.
using ListingRanges = std::map<std::uint64_t, format::ListingRange>;

class KeyRanges {
 public:
  // One range over everything.
  KeyRanges();
  // Goes on from stored records; corrupt when they are no partition.
  [[nodiscard]] static Result<KeyRanges> restore(const ListingRanges& records);

  // In key order; begin and through change only through split().
  [[nodiscard]] std::map<std::string, KeyRange>& all() { return ranges_; }
  [[nodiscard]] const std::map<std::string, KeyRange>& all() const { return ranges_; }
  [[nodiscard]] KeyRange* by_id(std::uint64_t id);
  // The unfinished range that has `key` before it, not behind; null when there is none.
  [[nodiscard]] KeyRange* ahead_of(const std::string& key);

  // Ends `range` at `cut` and returns the new range behind it. Precondition: range.holds(cut), and
  // cut is not its end.
  KeyRange& split(KeyRange& range, const std::string& cut);

  void assert_partition() const;

 private:
  std::map<std::string, KeyRange> ranges_;
  std::map<std::uint64_t, std::string> begin_of_;  // by id
  std::uint64_t next_id_ = 0;
};

}  // namespace shoal::index
