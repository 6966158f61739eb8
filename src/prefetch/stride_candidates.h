// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace shoal::prefetch {

// A path taken apart at one component: parent/name/suffix.
struct CrossPath {
  std::string parent;  // "" is the root
  std::string name;
  std::string suffix;
  [[nodiscard]] std::string with_name(std::string_view other) const;
};

// The parts of `path` below parent/X/, or nothing when it does not lie there.
std::optional<CrossPath> split_below(std::string_view path, std::string_view parent);

// Finds files whose paths differ in exactly one component that is not the last: the same file in
// sibling directories. confined. Bounded: 512 candidates, a path counts for each of its components
// but the last (16 at most).
class StrideCandidates {
 public:
  struct Found {
    std::string parent;
    std::string suffix;
    std::vector<std::string> names;  // in the order seen
  };
  // A file that was read; `needed`: how many different names make a stride.
  std::optional<Found> add(std::string_view path, std::uint32_t needed);

 private:
  struct Candidate {
    std::vector<std::string> names;
    std::uint64_t seen_at = 0;
  };
  std::unordered_map<std::uint64_t, Candidate> candidates_;  // by hash of parent and suffix
  std::deque<std::uint64_t> oldest_;
  std::uint64_t tick_ = 0;
};

}  // namespace shoal::prefetch
