// SPDX-License-Identifier: Apache-2.0
#include "prefetch/ledger.h"

#include <algorithm>
#include <iterator>

namespace shoal::prefetch {

std::uint64_t Ledger::add(const Range& range, Owner owner) {
  std::uint64_t begin = range.begin.value;
  const std::uint64_t end = range.end();
  std::uint64_t added = 0;
  auto next = entries_.upper_bound(begin);
  if (next != entries_.begin()) begin = std::max(begin, std::prev(next)->second.end);
  while (begin < end) {
    const std::uint64_t stop = next == entries_.end() ? end : std::min(end, next->first);
    if (stop > begin) {
      insert(begin, stop, owner);
      added += stop - begin;
    }
    if (stop == end) break;
    begin = next->second.end;
    ++next;
  }
  while (entries_.size() > kEntriesMax) {
    const auto oldest = entries_.find(oldest_.front().begin);
    if (oldest != entries_.end() && oldest->second.number == oldest_.front().number)
      entries_.erase(oldest);
    oldest_.pop_front();
  }
  if (oldest_.size() > 4 * kEntriesMax)
    std::erase_if(oldest_, [this](const Age& age) {
      const auto entry = entries_.find(age.begin);
      return entry == entries_.end() || entry->second.number != age.number;
    });
  return added;
}

void Ledger::insert(std::uint64_t begin, std::uint64_t end, Owner owner) {
  entries_[begin] = {end, ++number_, owner};
  oldest_.push_back({begin, number_});
}

template <typename Take>
void Ledger::take(const Range& range, const Take& visit) {
  const std::uint64_t begin = range.begin.value;
  const std::uint64_t end = range.end();
  auto entry = entries_.upper_bound(begin);
  if (entry != entries_.begin() && std::prev(entry)->second.end > begin) --entry;
  while (entry != entries_.end() && entry->first < end) {
    const std::uint64_t entry_begin = entry->first;
    const Entry found = entry->second;
    const std::uint64_t from = std::max(begin, entry_begin);
    const std::uint64_t to = std::min(end, found.end);
    visit(found.owner, Range{DataAddress{from}, to - from});
    auto next = std::next(entry);
    // The front of a window is read first: its entry just begins later.
    if (from > entry_begin)
      entry->second.end = from;
    else if (to == found.end)
      entries_.erase(entry);
    if (to < found.end) {
      if (from > entry_begin) {
        insert(to, found.end, found.owner);
      } else {
        auto node = entries_.extract(entry);
        node.key() = to;
        next = std::next(entries_.insert(next, std::move(node)));
        oldest_.push_back({to, found.number});
      }
    }
    entry = next;
  }
}

void Ledger::on_read(const Range& range) {
  take(range, [this](Owner owner, const Range& part) {
    read_[read_next_++ % read_.size()] = {part, owner};
  });
}

void Ledger::settle(const Range& range, const Visit& visit) {
  std::uint64_t told = 0;
  take(range, [&](Owner owner, const Range& part) {
    told += part.length;
    visit(owner, part);
  });
  if (told == range.length) return;
  for (Seen& seen : read_) {
    const std::uint64_t begin = std::max(seen.range.begin.value, range.begin.value);
    const std::uint64_t end = std::min(seen.range.end(), range.end());
    if (begin >= end) continue;
    visit(seen.owner, Range{DataAddress{begin}, end - begin});
    // The rest of a piece is told with it or never: pieces are what readers asked for.
    seen = {};
  }
}

void Ledger::remove(Owner owner) {
  std::erase_if(entries_, [owner](const auto& entry) { return entry.second.owner == owner; });
  for (Seen& seen : read_)
    if (seen.owner == owner) seen = {};
}

}  // namespace shoal::prefetch
