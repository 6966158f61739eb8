// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Protobuf's wire format by hand, for the records a volume has millions of: protobuf's own parser
// builds a message with a string object per field first, which costs more than the record. Private
// to format/. Pure; WireReader is confined.

namespace shoal::format {

inline void append_varint(std::uint64_t value, std::string& target) {
  while (value >= 0x80) {
    target.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  target.push_back(static_cast<char>(value));
}
[[nodiscard]] constexpr std::size_t varint_bytes(std::uint64_t value) noexcept {
  std::size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}
// sint64: small negative numbers stay short.
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

enum class WireType : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
[[nodiscard]] constexpr std::uint32_t wire_tag(std::uint32_t field, WireType type) noexcept {
  return field << 3 | static_cast<std::uint32_t>(type);
}

// A field with its default value, zero or empty, is left out, as protobuf does.
inline void append_number(std::uint32_t field, std::uint64_t value, std::string& target) {
  if (value == 0) return;
  append_varint(wire_tag(field, WireType::varint), target);
  append_varint(value, target);
}
inline void append_bytes(std::uint32_t field, std::string_view value, std::string& target) {
  if (value.empty()) return;
  append_varint(wire_tag(field, WireType::bytes), target);
  append_varint(value.size(), target);
  target.append(value);
}

// Steps through the fields of one message.
class WireReader {
 public:
  explicit WireReader(std::string_view message)
      : next_(message.data()), end_(next_ + message.size()) {}

  // False at the end, and from the first byte on that is no wire format; then is_broken().
  bool next() noexcept {
    if (next_ == end_) return false;
    std::uint64_t tag = 0;
    is_broken_ = true;  // until the whole field is there
    if (!read_varint(tag) || tag >> 32 != 0 || tag < 8) return false;
    tag_ = static_cast<std::uint32_t>(tag);
    switch (static_cast<WireType>(tag_ & 7)) {
      case WireType::varint:
        if (!read_varint(number_)) return false;
        break;
      case WireType::bytes: {
        std::uint64_t size = 0;
        if (!read_varint(size) || !take(size)) return false;
        break;
      }
      case WireType::fixed64:
        if (!take(8)) return false;
        break;
      case WireType::fixed32:
        if (!take(4)) return false;
        break;
      default:
        return false;
    }
    is_broken_ = false;
    return true;
  }
  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
  // wire_tag() of the field: a known number with another type is a field of somebody else.
  [[nodiscard]] std::uint32_t tag() const noexcept { return tag_; }
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }   // of a varint
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }  // borrowed

 private:
  bool read_varint(std::uint64_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 64 && next_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*next_++);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool take(std::uint64_t size) noexcept {
    if (size > static_cast<std::uint64_t>(end_ - next_)) return false;
    bytes_ = {next_, static_cast<std::size_t>(size)};
    next_ += size;
    return true;
  }

  const char* next_;
  const char* end_;
  std::uint32_t tag_ = 0;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
  bool is_broken_ = false;
};

}  // namespace shoal::format
