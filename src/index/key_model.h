// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

// Guesses where keys lie, from keys already seen: the lister asks it where to cut a range in two
// and how much of a range is left.
//
// A key is read as a fraction written in mixed radix: the symbol at each position is a digit, and
// the alphabet of a position is what has been seen there. "f0000999" says little about position 1;
// a digit seen alone is taken to be able to count up by one, and a position where two digits or
// letters have been seen may hold all digits, or all letters seen anywhere. A byte-wise middle
// would spend most cuts in empty space: names use 10 or 36 of 256 byte values. Symbols are code
// points, not bytes: a cut inside a multi-byte character is no valid start-after.
//
// Directory names learned from a grouped listing, when there are any between two keys, beat all
// that.
//
// Thread model: confined. Deterministic.

namespace shoal::index {

class KeyModel {
 public:
  // Keys begin with `prefix`, which takes no part in the arithmetic.
  explicit KeyModel(std::string prefix) : prefix_(std::move(prefix)) {}

  // A key seen in a page.
  void learn(std::string_view key);
  // Common prefixes ("p/a/"), ascending; `all` when there are no more behind the last.
  void learn_directories(std::vector<std::string> directories, bool all);

  // A key strictly between the two (`through` empty: no bound) that has about half of what lies
  // between on each side, valid UTF-8; nothing when none can be made up.
  [[nodiscard]] std::optional<std::string> middle(std::string_view after,
                                                  std::string_view through) const;

  // How much lies between `after` and `through`, in a unit that means something only within one
  // frame: a pair of keys around both (empty: no bound on that side).
  struct Frame {
    std::string_view begin;
    std::string_view end;
  };
  [[nodiscard]] double distance(Frame frame, std::string_view after,
                                std::string_view through) const;

  // Directories strictly between.
  [[nodiscard]] std::size_t directories_between(std::string_view after,
                                                std::string_view through) const;

 private:
  using Symbols = std::u32string;
  struct Alphabet {
    std::vector<char32_t> ascii;  // ascending
    char32_t wide_first = 1;      // other code points in use: empty when first > last
    char32_t wide_last = 0;
    [[nodiscard]] std::size_t size() const { return ascii.size() + (wide_last + 1 - wide_first); }
    [[nodiscard]] double rank(char32_t symbol) const;
    [[nodiscard]] char32_t symbol(std::size_t rank) const;
  };
  struct Position {
    std::bitset<128> ascii;
    bool wide = false;
  };
  static constexpr std::size_t kPositions = 96;  // deeper ones share the last entry

  // Behind the prefix, as code points; nothing when not UTF-8.
  [[nodiscard]] std::optional<Symbols> symbols_of(std::string_view key) const;
  [[nodiscard]] const Alphabet& alphabet(std::size_t position) const;
  [[nodiscard]] Alphabet make_alphabet(const Position& seen) const;
  // Symbols from `first` on, as a fraction in [0, 1].
  [[nodiscard]] double fraction(const Symbols& key, std::size_t first) const;
  // The text of a fraction, as long as needed to lie well inside (low, high).
  struct Interval {
    double low;
    double high;
  };
  [[nodiscard]] std::string spell(Symbols head, Interval interval) const;

  const std::string prefix_;
  std::array<Position, kPositions> positions_{};
  std::bitset<128> ascii_anywhere_;
  char32_t wide_first_ = 1;
  char32_t wide_last_ = 0;
  mutable std::array<std::optional<Alphabet>, kPositions> alphabets_;  // made when asked for
  std::vector<std::string> directories_;
  bool all_directories_ = true;
};

}  // namespace shoal::index
