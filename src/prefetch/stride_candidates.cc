// SPDX-License-Identifier: Apache-2.0
#include "prefetch/stride_candidates.h"

#include <algorithm>
#include <functional>

namespace shoal::prefetch {
namespace {

constexpr std::size_t kCandidatesMax = 512;
constexpr std::size_t kComponentsMax = 16;
// Hits further apart than so many files come from a random order, not from a reader. Sixteen
// processes, each in its own row, are sixteen apart.
constexpr std::uint64_t kAgeMax = 96;

std::uint64_t key_of(std::string_view parent, std::string_view suffix) {
  const std::uint64_t hash = std::hash<std::string_view>{}(parent);
  return (hash ^ hash >> 29) * 0x9E3779B97F4A7C15ull ^ std::hash<std::string_view>{}(suffix);
}

}  // namespace

std::string CrossPath::with_name(std::string_view other) const {
  std::string path;
  path.reserve(parent.size() + other.size() + suffix.size() + 2);
  if (!parent.empty()) path.append(parent).push_back('/');
  path.append(other).push_back('/');
  return path.append(suffix);
}

std::optional<CrossPath> split_below(std::string_view path, std::string_view parent) {
  if (!parent.empty()) {
    if (!path.starts_with(parent) || path.size() <= parent.size() || path[parent.size()] != '/')
      return std::nullopt;
    path.remove_prefix(parent.size() + 1);
  }
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == path.size())
    return std::nullopt;
  return CrossPath{std::string(parent), std::string(path.substr(0, slash)),
                   std::string(path.substr(slash + 1))};
}

std::optional<StrideCandidates::Found> StrideCandidates::add(std::string_view path,
                                                             std::uint32_t needed) {
  ++tick_;
  std::optional<Found> found;
  std::size_t begin = 0;
  for (std::size_t component = 0; component < kComponentsMax; ++component) {
    const std::size_t slash = path.find('/', begin);
    if (slash == std::string_view::npos) break;
    const std::string_view parent = path.substr(0, begin == 0 ? 0 : begin - 1);
    const std::string_view name = path.substr(begin, slash - begin);
    const std::string_view suffix = path.substr(slash + 1);
    begin = slash + 1;
    const std::uint64_t key = key_of(parent, suffix);
    const auto [entry, is_new] = candidates_.try_emplace(key);
    Candidate& candidate = entry->second;
    if (is_new) {
      oldest_.push_back(key);
    } else if (tick_ - candidate.seen_at > kAgeMax) {
      candidate.names.clear();
    }
    candidate.seen_at = tick_;
    if (std::find(candidate.names.begin(), candidate.names.end(), name) != candidate.names.end())
      continue;
    candidate.names.emplace_back(name);
    if (candidate.names.size() < needed || found) continue;
    found = Found{std::string(parent), std::string(suffix), std::move(candidate.names)};
    candidate.names = {};
  }
  while (oldest_.size() > kCandidatesMax) {
    candidates_.erase(oldest_.front());
    oldest_.pop_front();
  }
  return found;
}

}  // namespace shoal::prefetch
