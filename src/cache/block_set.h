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
    count_ = 0;
  }

  [[nodiscard]] bool contains(std::uint32_t block) const noexcept {
    return !words_.empty() && (words_[block / 64] >> (block % 64) & 1) != 0;
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] bool contains_all(std::uint32_t begin, std::uint32_t end) const noexcept {
    return next_out(begin) >= end;
  }
  [[nodiscard]] bool contains_any(std::uint32_t begin, std::uint32_t end) const noexcept {
    return next_in(begin) < end;
  }
  // Whether every member of `other`, of the same size, is in this one.
  [[nodiscard]] bool includes(const BlockSet& other) const noexcept;
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t count(std::uint32_t begin, std::uint32_t end) const noexcept;
  // First member, or first non-member, at or after `from`; size() when there is none.
  [[nodiscard]] std::uint32_t next_in(std::uint32_t from) const noexcept;
  [[nodiscard]] std::uint32_t next_out(std::uint32_t from) const noexcept;
  // First of the members that lie without a gap right below `end`; `end` when the one below is
  // none.
  [[nodiscard]] std::uint32_t run_begin(std::uint32_t end) const noexcept;
  // First of the non-members that lie so; `end` when the one below is a member.
  [[nodiscard]] std::uint32_t gap_begin(std::uint32_t end) const noexcept;
  // Number of aligned groups of `group` (1, 2, 4 or 8) blocks with a member in them.
  [[nodiscard]] std::uint32_t count_groups(std::uint32_t group) const noexcept;

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
  void recount() noexcept;

  std::uint32_t size_ = 0;
  std::uint32_t count_ = 0;
  std::vector<std::uint64_t> words_;  // empty: no member
};

}  // namespace shoal::cache
