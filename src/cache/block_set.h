// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace shoal::cache {

// A set of block (or page) numbers below a fixed size: which blocks of a chunk are where. Ranges
// are half open. An empty set owns no memory. Value type; confined.
class BlockSet {
 public:
  BlockSet() = default;
  explicit BlockSet(std::uint32_t size) : size_(size) {}
  // Takes stored words; bits past `size` and missing words count as absent.
  [[nodiscard]] static BlockSet from_words(std::uint32_t size, std::vector<std::uint64_t> words);

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // Exactly (size + 63) / 64 words.
  [[nodiscard]] std::vector<std::uint64_t> words() const;

  void add(std::uint32_t begin, std::uint32_t end);
  void remove(std::uint32_t begin, std::uint32_t end);
  void clear() noexcept {
    words_.clear();
    words_.shrink_to_fit();
  }

  [[nodiscard]] bool contains(std::uint32_t block) const noexcept {
    return !words_.empty() && (words_[block / 64] >> (block % 64) & 1) != 0;
  }
  [[nodiscard]] bool empty() const noexcept { return next_in(0) == size_; }
  [[nodiscard]] bool contains_all(std::uint32_t begin, std::uint32_t end) const noexcept {
    return next_out(begin) >= end;
  }
  [[nodiscard]] bool contains_any(std::uint32_t begin, std::uint32_t end) const noexcept {
    return next_in(begin) < end;
  }
  [[nodiscard]] std::uint32_t count() const noexcept { return count(0, size_); }
  [[nodiscard]] std::uint32_t count(std::uint32_t begin, std::uint32_t end) const noexcept;
  // First member, or first non-member, at or after `from`; size() when there is none.
  [[nodiscard]] std::uint32_t next_in(std::uint32_t from) const noexcept;
  [[nodiscard]] std::uint32_t next_out(std::uint32_t from) const noexcept;

  BlockSet& operator|=(const BlockSet& other);  // same size
  BlockSet& operator-=(const BlockSet& other);

  // Calls visit(begin, end) for each maximal run of members in ascending order.
  template <typename Visit>
  void each_run(Visit visit) const {
    for (std::uint32_t begin = next_in(0); begin < size_;) {
      const std::uint32_t end = next_out(begin);
      visit(begin, end);
      begin = next_in(end);
    }
  }

 private:
  std::uint32_t size_ = 0;
  std::vector<std::uint64_t> words_;  // empty: no member
};

}  // namespace shoal::cache
