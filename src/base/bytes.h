// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace shoal {

using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

[[nodiscard]] inline ByteSpan as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view as_text(ByteSpan bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Little- and big-endian stores and loads. Precondition: the span holds at least sizeof(T) bytes.
template <std::unsigned_integral T>
void store_le(std::byte* target, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    target[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
}
template <std::unsigned_integral T>
[[nodiscard]] T load_le(const std::byte* source) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= std::to_integer<std::uint64_t>(source[i]) << (8 * i);
  return static_cast<T>(value);
}
template <std::unsigned_integral T>
[[nodiscard]] std::string encode_be(T value) {
  std::string text(sizeof(T), '\0');
  for (std::size_t i = 0; i < sizeof(T); ++i)
    text[sizeof(T) - 1 - i] =
        static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
  return text;
}
template <std::unsigned_integral T>
[[nodiscard]] T decode_be(std::string_view text) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = value << 8 | static_cast<unsigned char>(text[i]);
  return static_cast<T>(value);
}

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t step) noexcept {
  return (value + step - 1) / step * step;
}
[[nodiscard]] constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t step) noexcept {
  return value / step * step;
}

// "4.0 MiB", "312 B".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
// Parses "512", "64K", "8MiB", "1.5g" (powers of 1024); returns false on anything else.
[[nodiscard]] bool parse_bytes(std::string_view text, std::uint64_t& bytes);

}  // namespace shoal
