// SPDX-License-Identifier: Apache-2.0
#include "prefetch/shuffle.h"

#include <algorithm>
#include <utility>

namespace shoal::prefetch {
namespace {

std::uint64_t mix(std::uint64_t x) {
  return Rng(x).next();
}

std::uint64_t below(Rng& stream, std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(stream.next()) * bound >> 64);
}

template <typename T>
void shuffle(std::uint64_t state, std::vector<T>& items) {
  Rng stream(state);
  for (std::size_t i = items.size(); i-- > 1;) std::swap(items[i], items[below(stream, i + 1)]);
}

}  // namespace

ShuffleRule::ShuffleRule(const ShuffleOptions& options,
                         std::span<const std::uint32_t> files_per_chunk)
    : base_(mix(mix(options.seed) + options.epoch)),
      group_chunks_(std::max<std::uint32_t>(options.group_chunks, 1)) {
  first_.reserve(files_per_chunk.size() + 1);
  first_.push_back(0);
  for (std::size_t chunk = 0; chunk < files_per_chunk.size(); ++chunk) {
    if (files_per_chunk[chunk] > 0) chunks_.push_back(static_cast<std::uint32_t>(chunk));
    first_.push_back(first_.back() + files_per_chunk[chunk]);
  }
  shuffle(base_, chunks_);
}

bool ShuffleRule::next_group(std::vector<std::uint64_t>& files) {
  files.clear();
  const std::uint64_t begin = group_ * group_chunks_;
  if (begin >= chunks_.size()) return false;
  const std::uint64_t end = std::min<std::uint64_t>(begin + group_chunks_, chunks_.size());
  for (std::uint64_t i = begin; i < end; ++i)
    for (std::uint64_t file = first_[chunks_[i]]; file < first_[chunks_[i] + 1]; ++file)
      files.push_back(file);
  shuffle(mix(base_ + 1 + group_), files);
  ++group_;
  return true;
}

}  // namespace shoal::prefetch
