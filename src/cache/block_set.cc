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
  set.recount();
  return set;
}

void BlockSet::recount() noexcept {
  count_ = 0;
  for (const std::uint64_t word : words_) count_ += static_cast<std::uint32_t>(std::popcount(word));
}

std::vector<std::uint64_t> BlockSet::words() const {
  return words_.empty() ? std::vector<std::uint64_t>(words_for(size_), 0) : words_;
}

void BlockSet::add(std::uint32_t begin, std::uint32_t end) {
  SHOAL_ASSERT(end <= size_);
  if (begin >= end) return;
  words_.resize(words_for(size_), 0);
  for (std::uint32_t i = begin / 64; i <= (end - 1) / 64; ++i) {
    const std::uint64_t fresh = mask_of(i, begin, end) & ~words_[i];
    words_[i] |= fresh;
    count_ += static_cast<std::uint32_t>(std::popcount(fresh));
  }
}

void BlockSet::remove(std::uint32_t begin, std::uint32_t end) {
  SHOAL_ASSERT(end <= size_);
  if (begin >= end || count_ == 0) return;
  for (std::uint32_t i = begin / 64; i <= (end - 1) / 64; ++i) {
    const std::uint64_t gone = mask_of(i, begin, end) & words_[i];
    words_[i] &= ~gone;
    count_ -= static_cast<std::uint32_t>(std::popcount(gone));
  }
}

bool BlockSet::includes(const BlockSet& other) const noexcept {
  if (other.count_ == 0) return true;
  if (count_ < other.count_) return false;
  for (std::size_t i = 0; i < words_.size(); ++i)
    if ((other.words_[i] & ~words_[i]) != 0) return false;
  return true;
}

std::uint32_t BlockSet::count(std::uint32_t begin, std::uint32_t end) const noexcept {
  if (begin >= end || words_.empty()) return 0;
  std::uint32_t total = 0;
  for (std::uint32_t i = begin / 64; i <= (end - 1) / 64; ++i)
    total += static_cast<std::uint32_t>(std::popcount(words_[i] & mask_of(i, begin, end)));
  return total;
}

std::uint32_t BlockSet::next_in(std::uint32_t from) const noexcept {
  if (count_ == 0 || from >= size_) return size_;
  for (std::uint32_t i = from / 64; i < words_.size(); ++i) {
    const std::uint64_t word = words_[i] & mask_of(i, from, size_);
    if (word != 0) return i * 64 + static_cast<std::uint32_t>(std::countr_zero(word));
  }
  return size_;
}

std::uint32_t BlockSet::next_out(std::uint32_t from) const noexcept {
  if (from >= size_) return size_;
  if (count_ == 0) return from;
  for (std::uint32_t i = from / 64; i < words_.size(); ++i) {
    const std::uint64_t word = ~words_[i] & mask_of(i, from, size_);
    if (word != 0) return i * 64 + static_cast<std::uint32_t>(std::countr_zero(word));
  }
  return size_;
}

std::uint32_t BlockSet::run_begin(std::uint32_t end) const noexcept {
  if (count_ == 0 || end == 0) return end;
  for (std::uint32_t i = (end - 1) / 64 + 1; i-- > 0;) {
    const std::uint64_t out = ~words_[i] & mask_of(i, 0, end);
    if (out != 0) return i * 64 + 64 - static_cast<std::uint32_t>(std::countl_zero(out));
  }
  return 0;
}

std::uint32_t BlockSet::gap_begin(std::uint32_t end) const noexcept {
  if (count_ == 0 || end == 0) return 0;
  for (std::uint32_t i = (end - 1) / 64 + 1; i-- > 0;) {
    const std::uint64_t in = words_[i] & mask_of(i, 0, end);
    if (in != 0) return i * 64 + 64 - static_cast<std::uint32_t>(std::countl_zero(in));
  }
  return 0;
}

std::uint32_t BlockSet::count_groups(std::uint32_t group) const noexcept {
  SHOAL_ASSERT(group == 1 || group == 2 || group == 4 || group == 8);
  if (group == 1) return count_;
  // One bit of each group, set when any of the group's is.
  const std::uint64_t firsts = group == 2   ? 0x5555555555555555ull
                               : group == 4 ? 0x1111111111111111ull
                                            : 0x0101010101010101ull;
  std::uint32_t total = 0;
  for (std::uint64_t word : words_) {
    for (std::uint32_t shift = 1; shift < group; shift *= 2) word |= word >> shift;
    total += static_cast<std::uint32_t>(std::popcount(word & firsts));
  }
  return total;
}

BlockSet& BlockSet::operator|=(const BlockSet& other) {
  SHOAL_ASSERT(size_ == other.size_);
  if (other.count_ == 0) return *this;
  words_.resize(words_for(size_), 0);
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  recount();
  return *this;
}

BlockSet& BlockSet::operator-=(const BlockSet& other) {
  SHOAL_ASSERT(size_ == other.size_);
  if (count_ == 0 || other.count_ == 0) return *this;
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
  recount();
  return *this;
}

}  // namespace shoal::cache
