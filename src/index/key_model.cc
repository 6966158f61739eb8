// SPDX-License-Identifier: Apache-2.0
#include "index/key_model.h"

#include <algorithm>

namespace shoal::index {
namespace {

constexpr std::size_t kSpelledSymbolsMax = 40;  // behind the common part; doubles hold about 16

// Decodes one code point; false when `text` does not begin with a valid UTF-8 sequence.
bool take_code_point(std::string_view& text, char32_t& symbol) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) {
    symbol = lead;
    text.remove_prefix(1);
    return true;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || lead > 0xF4 || text.size() < length) return false;
  symbol = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0) != 0x80) return false;
    symbol = symbol << 6 | (next & 0x3Fu);
  }
  static constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (symbol < kLeast[length] || symbol > 0x10FFFF || (symbol >= 0xD800 && symbol <= 0xDFFF))
    return false;
  text.remove_prefix(length);
  return true;
}

void append_utf8(std::string& text, char32_t symbol) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (symbol < 0x80) {
    put(symbol);
  } else if (symbol < 0x800) {
    put(0xC0 | symbol >> 6);
    put(0x80 | (symbol & 0x3F));
  } else if (symbol < 0x10000) {
    put(0xE0 | symbol >> 12);
    put(0x80 | (symbol >> 6 & 0x3F));
    put(0x80 | (symbol & 0x3F));
  } else {
    put(0xF0 | symbol >> 18);
    put(0x80 | (symbol >> 12 & 0x3F));
    put(0x80 | (symbol >> 6 & 0x3F));
    put(0x80 | (symbol & 0x3F));
  }
}

template <typename Visit>
void for_each_in(char32_t first, char32_t last, Visit visit) {
  for (char32_t symbol = first; symbol <= last; ++symbol) visit(symbol);
}

}  // namespace

double KeyModel::Alphabet::rank(char32_t symbol) const {
  if (symbol < 0x80) {
    const auto at = std::lower_bound(ascii.begin(), ascii.end(), symbol);
    return static_cast<double>(at - ascii.begin());
  }
  const auto narrow = static_cast<double>(ascii.size());
  if (wide_first > wide_last || symbol < wide_first) return narrow;
  return narrow + static_cast<double>(std::min(symbol, wide_last) - wide_first);
}

char32_t KeyModel::Alphabet::symbol(std::size_t rank) const {
  if (rank < ascii.size()) return ascii[rank];
  char32_t symbol = wide_first + static_cast<char32_t>(rank - ascii.size());
  if (symbol >= 0xD800 && symbol <= 0xDFFF) symbol = 0xE000;  // no characters, not valid UTF-8
  return symbol;
}

std::optional<KeyModel::Symbols> KeyModel::symbols_of(std::string_view key) const {
  key.remove_prefix(std::min(prefix_.size(), key.size()));
  Symbols symbols;
  symbols.reserve(key.size());
  while (!key.empty()) {
    char32_t symbol = 0;
    if (!take_code_point(key, symbol)) return std::nullopt;
    symbols += symbol;
  }
  return symbols;
}

void KeyModel::learn(std::string_view key) {
  const auto symbols = symbols_of(key);
  if (!symbols) return;
  bool is_new = false;
  for (std::size_t i = 0; i < symbols->size(); ++i) {
    const char32_t symbol = (*symbols)[i];
    Position& position = positions_[std::min(i, kPositions - 1)];
    if (symbol < 0x80) {
      is_new |= !position.ascii.test(symbol);
      position.ascii.set(symbol);
      ascii_anywhere_.set(symbol);
    } else {
      const bool first = wide_first_ > wide_last_;
      is_new |= !position.wide || first || symbol < wide_first_ || symbol > wide_last_;
      position.wide = true;
      wide_first_ = first ? symbol : std::min(wide_first_, symbol);
      wide_last_ = first ? symbol : std::max(wide_last_, symbol);
    }
  }
  if (is_new) alphabets_.fill(std::nullopt);
}

void KeyModel::learn_directories(std::vector<std::string> directories, bool all) {
  directories_ = std::move(directories);
  all_directories_ = all;
}

const KeyModel::Alphabet& KeyModel::alphabet(std::size_t position) const {
  position = std::min(position, kPositions - 1);
  auto& kept = alphabets_[position];
  if (!kept) kept = make_alphabet(positions_[position]);
  return *kept;
}

KeyModel::Alphabet KeyModel::make_alphabet(const Position& seen) const {
  std::bitset<128> symbols = seen.ascii;
  std::size_t digits = 0;
  std::size_t letters[2] = {0, 0};
  static constexpr std::pair<char32_t, char32_t> kCases[2] = {{U'A', U'Z'}, {U'a', U'z'}};
  for_each_in(U'0', U'9', [&](char32_t c) { digits += seen.ascii.test(c); });
  for (int i = 0; i < 2; ++i)
    for_each_in(kCases[i].first, kCases[i].second,
                [&](char32_t c) { letters[i] += seen.ascii.test(c); });
  if (digits >= 2) for_each_in(U'0', U'9', [&](char32_t c) { symbols.set(c); });
  if (digits == 1)
    for_each_in(U'0', U'8', [&](char32_t c) {
      if (seen.ascii.test(c)) symbols.set(c + 1);
    });
  for (int i = 0; i < 2; ++i)
    if (letters[i] >= 2)
      for_each_in(kCases[i].first, kCases[i].second, [&](char32_t c) {
        if (ascii_anywhere_.test(c)) symbols.set(c);
      });
  Alphabet result;
  for_each_in(0, 127, [&](char32_t c) {
    if (symbols.test(c)) result.ascii.push_back(c);
  });
  if (seen.wide) {
    result.wide_first = wide_first_;
    result.wide_last = wide_last_;
  }
  if (result.size() == 0) result.ascii.push_back(U'0');  // nothing seen this deep
  return result;
}

double KeyModel::fraction(const Symbols& key, std::size_t first) const {
  double sum = 0;
  double weight = 1;
  for (std::size_t i = first; i < key.size() && weight > 1e-18; ++i) {
    const Alphabet& symbols = alphabet(i);
    weight /= static_cast<double>(symbols.size());
    sum += weight * symbols.rank(key[i]);
  }
  return std::min(sum, 1.0);
}

std::string KeyModel::spell(Symbols head, Interval interval) const {
  double rest = (interval.low + interval.high) / 2;
  double weight = 1;
  const double precise = (interval.high - interval.low) / 32;
  const std::size_t begin = head.size();
  for (std::size_t i = begin; i < begin + kSpelledSymbolsMax && weight > precise; ++i) {
    const Alphabet& symbols = alphabet(i);
    const auto size = static_cast<double>(symbols.size());
    const auto rank = std::min(static_cast<std::size_t>(rest * size), symbols.size() - 1);
    head += symbols.symbol(rank);
    rest = std::clamp(rest * size - static_cast<double>(rank), 0.0, 1.0);
    weight /= size;
  }
  std::string text = prefix_;
  for (const char32_t symbol : head) append_utf8(text, symbol);
  return text;
}

std::size_t KeyModel::directories_between(std::string_view after, std::string_view through) const {
  const auto begin = std::upper_bound(directories_.begin(), directories_.end(), after);
  const auto end =
      through.empty() ? directories_.end() : std::lower_bound(begin, directories_.end(), through);
  return static_cast<std::size_t>(end - begin);
}

std::optional<std::string> KeyModel::middle(std::string_view after,
                                            std::string_view through) const {
  const auto between = directories_between(after, through);
  if (between > 0) {
    if (through.empty() && !all_directories_) return directories_.back();
    const auto begin = std::upper_bound(directories_.begin(), directories_.end(), after);
    return begin[static_cast<std::ptrdiff_t>(between / 2)];
  }
  const auto low = symbols_of(after);
  const auto high = symbols_of(through);
  if (!low || !high) return std::nullopt;
  std::size_t common = 0;
  if (!through.empty())
    while (common < std::min(low->size(), high->size()) && (*low)[common] == (*high)[common])
      ++common;
  const Interval interval{fraction(*low, common), through.empty() ? 1.0 : fraction(*high, common)};
  if (interval.low >= interval.high) return std::nullopt;
  std::string text = spell(low->substr(0, common), interval);
  if (text <= after || (!through.empty() && text >= through)) return std::nullopt;
  return text;
}

double KeyModel::distance(Frame frame, std::string_view after, std::string_view through) const {
  const auto begin = symbols_of(frame.begin);
  const auto end = symbols_of(frame.end);
  const auto low = symbols_of(after);
  const auto high = symbols_of(through);
  if (!begin || !end || !low || !high) return 0;
  std::size_t common = 0;
  if (!frame.begin.empty() && !frame.end.empty())
    while (common < std::min(begin->size(), end->size()) && (*begin)[common] == (*end)[common])
      ++common;
  const double from = fraction(*low, common);
  const double to = through.empty() ? 1.0 : fraction(*high, common);
  return std::max(0.0, to - from);
}

}  // namespace shoal::index
