// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/file_list.h"

#include <algorithm>
#include <utility>

#include "base/rng.h"

namespace shoal::tools::bench {
namespace {

// FNV-1a, then mixed with the seed: a stable number for a path, the same on every machine.
std::uint64_t shuffle_rank(std::string_view path, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : path) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ull;
  }
  return Rng(hash ^ Rng(seed).next()).next();
}

}  // namespace

std::string_view name_of(Order order) noexcept {
  switch (order) {
    case Order::walk:
      return "walk";
    case Order::shuffle:
      return "shuffle";
    case Order::stride:
      return "stride";
  }
  return "?";
}

bool walks_before(std::string_view a, std::string_view b) noexcept {
  const auto rank = [](char c) { return c == '/' ? 0 : 1 + static_cast<unsigned char>(c); };
  return std::ranges::lexicographical_compare(
      a, b, [&](char left, char right) { return rank(left) < rank(right); });
}

std::uint64_t DirectoryOrdinals::next(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view directory =
      slash == std::string_view::npos ? std::string_view() : path.substr(0, slash + 1);
  while (!open_.empty() && !directory.starts_with(open_.back().directory)) open_.pop_back();
  if (open_.empty() || open_.back().directory != directory)
    open_.push_back({std::string(directory), 0});
  return open_.back().files++;
}

std::uint64_t FileSelection::rank_of(std::string_view path) {
  switch (options_.order) {
    case Order::walk:
      return 0;
    case Order::shuffle:
      return shuffle_rank(path, options_.seed);
    case Order::stride:
      return ordinals_.next(path);
  }
  return 0;
}

bool FileSelection::reads_before(const Chosen& a, const Chosen& b) noexcept {
  return a.rank != b.rank ? a.rank < b.rank : walks_before(a.file.path, b.file.path);
}

bool FileSelection::offer(BenchFile file) {
  ++offered_;
  Chosen candidate{rank_of(file.path), std::move(file)};
  const bool is_full = chosen_.size() >= options_.files_max;
  if (!is_full) {
    chosen_.push_back(std::move(candidate));
    if (options_.order != Order::walk) std::ranges::push_heap(chosen_, reads_before);
  } else if (options_.order != Order::walk && reads_before(candidate, chosen_.front())) {
    std::ranges::pop_heap(chosen_, reads_before);
    chosen_.back() = std::move(candidate);
    std::ranges::push_heap(chosen_, reads_before);
  }
  return options_.order != Order::walk || chosen_.size() < options_.files_max;
}

std::vector<BenchFile> FileSelection::finish() {
  std::ranges::sort(chosen_, reads_before);
  std::vector<BenchFile> files;
  files.reserve(chosen_.size());
  for (Chosen& chosen : chosen_) files.push_back(std::move(chosen.file));
  chosen_.clear();
  return files;
}

}  // namespace shoal::tools::bench
