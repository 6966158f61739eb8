// SPDX-License-Identifier: Apache-2.0
#include "base/crc64.h"

namespace shoal {
namespace {

// Polynomials over GF(2) modulo the generator, reflected: the highest bit is the coefficient of 1.
constexpr std::uint64_t kOne = std::uint64_t{1} << 63;

constexpr std::uint64_t times_x(std::uint64_t value) {
  return (value & 1) != 0 ? (value >> 1) ^ kCrc64XzPolynomial : value >> 1;
}

constexpr std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  for (std::uint64_t bit = kOne; bit != 0; bit >>= 1, b = times_x(b))
    if ((a & bit) != 0) product ^= b;
  return product;
}

// x^(8 * 2^n) for each n.
constexpr std::array<std::uint64_t, 64> make_powers() {
  std::array<std::uint64_t, 64> powers{};
  powers[0] = kOne >> 8;
  for (std::size_t n = 1; n < powers.size(); ++n)
    powers[n] = multiply(powers[n - 1], powers[n - 1]);
  return powers;
}
constexpr auto kPowers = make_powers();

}  // namespace

std::uint64_t crc64_xz(ByteSpan bytes, std::uint64_t previous) {
  Crc<std::uint64_t, kCrc64XzPolynomial> crc(previous);
  crc.add(as_text(bytes));
  return crc.value();
}

// Zeros behind the first run multiply its value by x for each bit; the inversions at begin and end
// cancel each other out.
std::uint64_t crc64_combine(std::uint64_t first, std::uint64_t second, std::uint64_t second_bytes) {
  for (std::size_t n = 0; second_bytes != 0; ++n, second_bytes >>= 1)
    if ((second_bytes & 1) != 0) first = multiply(kPowers[n], first);
  return first ^ second;
}

}  // namespace shoal
