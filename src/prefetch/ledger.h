// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "prefetch/policy.h"

namespace shoal::prefetch {

// Who proposed which bytes, so that their use and waste is told to the right policy. Bytes that two
// policies propose belong to the first. Bounded: the oldest entries are forgotten, then what
// becomes of them is told to nobody. confined.
class Ledger {
 public:
  using Owner = std::uint32_t;
  static constexpr std::size_t kEntriesMax = 16384;
  using Visit = std::function<void(Owner, const Range&)>;

  // Returns how many bytes of it were nobody's.
  std::uint64_t add(const Range& range, Owner owner);
  // A reader asked for the range: whose proposal it was is known for a while, then forgotten.
  void on_read(const Range& range);
  // The bytes were used or wasted: calls `visit` for each part that has an owner, and ends that.
  void settle(const Range& range, const Visit& visit);
  // Forgets what belongs to `owner`.
  void remove(Owner owner);
  [[nodiscard]] std::size_t entries() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t end = 0;
    std::uint64_t number = 0;  // of `oldest_`
    Owner owner = 0;
  };
  using Entries = std::map<std::uint64_t, Entry>;  // by begin, disjoint
  struct Seen {
    Range range;
    Owner owner = 0;
  };
  template <typename Take>
  void take(const Range& range, const Take& visit);
  void insert(std::uint64_t begin, std::uint64_t end, Owner owner);

  Entries entries_;
  struct Age {
    std::uint64_t begin;
    std::uint64_t number;
  };
  std::deque<Age> oldest_;  // may name entries that are gone
  std::uint64_t number_ = 0;
  // Read while the bytes were still on their way; their use is told afterwards.
  std::array<Seen, 128> read_{};
  std::size_t read_next_ = 0;
};

}  // namespace shoal::prefetch
