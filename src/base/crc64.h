// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes.h"

// Cyclic redundancy checks, and the one that OSS computes of every object: CRC-64/XZ, the ECMA-182
// polynomial reflected, initial value and final xor all ones.

namespace shoal {

template <typename Word>
using CrcTables = std::array<std::array<Word, 256>, 8>;

template <typename Word>
constexpr CrcTables<Word> make_crc_tables(Word polynomial) {
  CrcTables<Word> tables{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    Word word = static_cast<Word>(byte);
    for (int bit = 0; bit < 8; ++bit)
      word = static_cast<Word>((word & 1) != 0 ? (word >> 1) ^ polynomial : word >> 1);
    tables[0][byte] = word;
  }
  for (std::size_t slice = 1; slice < 8; ++slice)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const Word below = tables[slice - 1][byte];
      tables[slice][byte] = static_cast<Word>((below >> 8) ^ tables[0][below & 0xff]);
    }
  return tables;
}
template <typename Word, Word kPolynomial>
inline constexpr CrcTables<Word> kCrcTables = make_crc_tables(kPolynomial);

// A reflected CRC (initial value and final xor all ones), eight bytes per step (slicing-by-8:
// Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation").
template <typename Word, Word kPolynomial>
class Crc {
 public:
  Crc() = default;
  // Goes on from the value of the bytes so far.
  explicit Crc(Word value) : state_(static_cast<Word>(~value)) {}

  void add(std::string_view data) {
    Word state = state_;
    const char* at = data.data();
    std::size_t left = data.size();
    for (; left >= 8; left -= 8, at += 8) {
      std::uint64_t block = 0;
      std::memcpy(&block, at, 8);  // little-endian machines only, as all of ours
      block ^= state;
      state = 0;
      for (std::size_t i = 0; i < 8; ++i)
        state ^=
            kCrcTables<Word, kPolynomial>[7 - i][static_cast<std::size_t>(block >> (8 * i) & 0xff)];
    }
    for (; left > 0; --left, ++at)
      state = static_cast<Word>(
          kCrcTables<Word, kPolynomial>[0][(state ^ static_cast<unsigned char>(*at)) & 0xff] ^
          (state >> 8));
    state_ = state;
  }
  [[nodiscard]] Word value() const { return static_cast<Word>(~state_); }

 private:
  Word state_ = static_cast<Word>(~Word{0});
};

inline constexpr std::uint64_t kCrc64XzPolynomial = 0xC96C5795D7870F42ull;

// Of `bytes` behind those whose value is `previous`; zero is the value of no bytes.
[[nodiscard]] std::uint64_t crc64_xz(ByteSpan bytes, std::uint64_t previous = 0);

// The value of two runs of bytes one behind the other, from their values and the second one's
// length: of an object from its parts.
[[nodiscard]] std::uint64_t crc64_combine(std::uint64_t first, std::uint64_t second,
                                          std::uint64_t second_bytes);

}  // namespace shoal
