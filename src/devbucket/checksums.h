// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

// Checksums of bodies as they stream in. confined.

namespace shoal::devbucket {

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

using Crc32 = Crc<std::uint32_t, 0xEDB88320u>;
using Crc32c = Crc<std::uint32_t, 0x82F63B78u>;
using Crc64Xz = Crc<std::uint64_t, 0xC96C5795D7870F42ull>;    // OSS
using Crc64Nvme = Crc<std::uint64_t, 0x9A6C9329AC4BC9B5ull>;  // S3

// MD5, SHA-1 or SHA-256 in pieces.
class Digest {
 public:
  enum class Kind { md5, sha1, sha256 };
  explicit Digest(Kind kind);
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  void add(std::string_view data);
  // The raw digest; the object starts again from nothing.
  [[nodiscard]] std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// One of the x-amz-checksum-* algorithms ("crc32", "crc32c", "crc64nvme", "sha1", "sha256").
class NamedChecksum {
 public:
  virtual ~NamedChecksum() = default;
  virtual void add(std::string_view data) = 0;
  // As the header carries it: base64 of the big-endian value.
  [[nodiscard]] virtual std::string finish() = 0;
};
// Nothing when the name is not known.
[[nodiscard]] std::unique_ptr<NamedChecksum> make_checksum(std::string_view name);

}  // namespace shoal::devbucket
