// SPDX-License-Identifier: Apache-2.0
#include "cache/block_set.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace shoal::cache {
namespace {

// Bits of word `index` that lie in [begin, end).
std::uint64_t mask_of(std::uint32_t index, std::uint32_t begin, std::uint32_t end) {
  const std::uint64_t first = std::uint64_t{index} * 64;
  std::uint64_t mask = ~std::uint64_t{0};
  if (begin > first) mask &= ~std::uint64_t{0} << (begin - first);
  if (end < first + 64) mask &= ~(~std::uint64_t{0} << (end - first));
  return mask;
}

std::uint32_t words_for(std::uint32_t size) {
  return (size + 63) / 64;
}

}  // namespace

BlockSet BlockSet::from_words(std::uint32_t size, std::vector<std::uint64_t> words) {
  BlockSet set(size);
  set.words_ = std::move(words);
  set.words_.resize(words_for(size), 0);
  if (size % 64 != 0 && !set.words_.empty())
    set.words_.back() &= ~(~std::uint64_t{0} << (size % 64));
  return set;
}

std::vector<std::uint64_t> BlockSet::words() const {
  return words_.empty() ? std::vector<std::uint64_t>(words_for(size_), 0) : words_;
}

void BlockSet::add(std::uint32_t begin, std::uint32_t end) {
  SHOAL_ASSERT(end <= size_);
  if (begin >= end) return;
  words_.resize(words_for(size_), 0);
  for (std::uint32_t i = begin / 64; i <= (end - 1) / 64; ++i) words_[i] |= mask_of(i, begin, end);
}

void BlockSet::remove(std::uint32_t begin, std::uint32_t end) {
  SHOAL_ASSERT(end <= size_);
  if (begin >= end || words_.empty()) return;
  for (std::uint32_t i = begin / 64; i <= (end - 1) / 64; ++i) words_[i] &= ~mask_of(i, begin, end);
}

std::uint32_t BlockSet::count(std::uint32_t begin, std::uint32_t end) const noexcept {
  if (begin >= end || words_.empty()) return 0;
  std::uint32_t total = 0;
  for (std::uint32_t i = begin / 64; i <= (end - 1) / 64; ++i)
    total += static_cast<std::uint32_t>(std::popcount(words_[i] & mask_of(i, begin, end)));
  return total;
}

std::uint32_t BlockSet::next_in(std::uint32_t from) const noexcept {
  if (words_.empty() || from >= size_) return size_;
  for (std::uint32_t i = from / 64; i < words_.size(); ++i) {
    const std::uint64_t word = words_[i] & mask_of(i, from, size_);
    if (word != 0) return i * 64 + static_cast<std::uint32_t>(std::countr_zero(word));
  }
  return size_;
}

std::uint32_t BlockSet::next_out(std::uint32_t from) const noexcept {
  if (from >= size_) return size_;
  if (words_.empty()) return from;
  for (std::uint32_t i = from / 64; i < words_.size(); ++i) {
    const std::uint64_t word = ~words_[i] & mask_of(i, from, size_);
    if (word != 0) return i * 64 + static_cast<std::uint32_t>(std::countr_zero(word));
  }
  return size_;
}

BlockSet& BlockSet::operator|=(const BlockSet& other) {
  SHOAL_ASSERT(size_ == other.size_);
  if (other.words_.empty()) return *this;
  words_.resize(words_for(size_), 0);
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  return *this;
}

BlockSet& BlockSet::operator-=(const BlockSet& other) {
  SHOAL_ASSERT(size_ == other.size_);
  if (words_.empty() || other.words_.empty()) return *this;
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
  return *this;
}

}  // namespace shoal::cache
