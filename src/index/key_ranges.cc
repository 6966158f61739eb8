// SPDX-License-Identifier: Apache-2.0
#include "index/key_ranges.h"

#include <algorithm>

#include "base/assert.h"

namespace shoal::index {

KeyRanges::KeyRanges() {
  ranges_[""] = KeyRange{.id = next_id_};
  begin_of_[next_id_++] = "";
}

Result<KeyRanges> KeyRanges::restore(const ListingRanges& records) {
  std::vector<std::pair<std::uint64_t, format::ListingRange>> sorted(records.begin(),
                                                                     records.end());
  const auto ends_before = [](const auto& a, const auto& b) {
    if (a.second.through.empty() || b.second.through.empty()) return !a.second.through.empty();
    return a.second.through < b.second.through;
  };
  if (std::count_if(sorted.begin(), sorted.end(),
                    [](const auto& r) { return r.second.through.empty(); }) != 1)
    return fail(ErrorCode::corrupt, "resume listing: the stored ranges do not have one end");
  std::sort(sorted.begin(), sorted.end(), ends_before);
  KeyRanges result;
  result.ranges_.clear();
  result.begin_of_.clear();
  std::string begin;
  for (const auto& [id, record] : sorted) {
    // A position before the end of the range to the left would list keys twice.
    if (record.after < begin || (!record.through.empty() && record.through <= begin))
      return fail(ErrorCode::corrupt, "resume listing: the stored ranges overlap");
    result.ranges_[begin] = KeyRange{.id = id,
                                     .begin = begin,
                                     .after = record.after,
                                     .through = record.through,
                                     .done = record.done,
                                     .keys = record.keys};
    result.begin_of_[id] = begin;
    result.next_id_ = std::max(result.next_id_, id + 1);
    begin = record.through;
  }
  result.assert_partition();
  return result;
}

KeyRange* KeyRanges::by_id(std::uint64_t id) {
  const auto begin = begin_of_.find(id);
  return begin == begin_of_.end() ? nullptr : &ranges_.find(begin->second)->second;
}

KeyRange* KeyRanges::ahead_of(const std::string& key) {
  auto at = ranges_.lower_bound(key);  // begins at or behind `key`: the one before holds it
  if (at == ranges_.begin()) return nullptr;
  KeyRange& range = std::prev(at)->second;
  return !range.done && range.holds(key) ? &range : nullptr;
}

KeyRange& KeyRanges::split(KeyRange& range, const std::string& cut) {
  SHOAL_ASSERT(range.holds(cut) && cut != range.through);
  const auto [at, inserted] =
      ranges_.try_emplace(cut, KeyRange{.id = next_id_,
                                        .begin = cut,
                                        .after = cut,
                                        .through = range.through,
                                        .has_keys_behind = range.has_keys_behind});
  SHOAL_ASSERT(inserted);
  begin_of_[next_id_++] = cut;
  range.through = cut;
  assert_partition();
  return at->second;
}

void KeyRanges::assert_partition() const {
  const std::string* end = nullptr;
  for (const auto& [begin, range] : ranges_) {
    SHOAL_ASSERT(begin == range.begin && begin == (end == nullptr ? "" : *end));
    SHOAL_ASSERT(end == nullptr || !end->empty());
    SHOAL_ASSERT(range.after >= begin && (range.through.empty() || range.after <= range.through));
    end = &range.through;
  }
  SHOAL_ASSERT(end != nullptr && end->empty());
}

}  // namespace shoal::index
