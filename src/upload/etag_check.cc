// SPDX-License-Identifier: Apache-2.0
#include "upload/etag_check.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "store/encoding.h"
#include "sys/file.h"

namespace shoal::upload {
namespace {

constexpr std::uint64_t kMiB = 1ull << 20;
constexpr std::uint64_t kPartsMax = 10'000;
constexpr std::size_t kMd5Bytes = 16;

struct ParsedETag {
  std::string md5;          // 16 bytes
  std::uint64_t parts = 0;  // 0: of the whole object
};

std::optional<std::uint8_t> digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

// Hex of either case: OSS writes capitals.
std::optional<ParsedETag> parse_etag(std::string_view etag) {
  if (etag.size() < 2 * kMd5Bytes) return std::nullopt;
  ParsedETag parsed;
  for (std::size_t i = 0; i < 2 * kMd5Bytes; i += 2) {
    const auto high = digit_of(etag[i]);
    const auto low = digit_of(etag[i + 1]);
    if (!high || !low) return std::nullopt;
    parsed.md5 += static_cast<char>(*high << 4 | *low);
  }
  const std::string_view rest = etag.substr(2 * kMd5Bytes);
  if (rest.empty()) return parsed;
  const char* end = rest.data() + rest.size();
  const auto [at, status] = std::from_chars(rest.data() + 1, end, parsed.parts);
  if (rest.front() != '-' || at != end || status != std::errc{} || parsed.parts == 0 ||
      parsed.parts > kPartsMax)
    return std::nullopt;
  return parsed;
}

std::uint64_t parts_of(std::uint64_t bytes, std::uint64_t part_bytes) {
  return std::max<std::uint64_t>(1, (bytes + part_bytes - 1) / part_bytes);
}

std::string from_hex(std::string_view text) {
  return parse_etag(text)->md5;
}

// MD5 of [offset, end) of the file.
Result<std::string> md5_of(const sys::File& file, std::uint64_t offset, std::uint64_t end) {
  store::Md5 md5;
  std::string buffer(std::min<std::uint64_t>(kMiB, end - offset), '\0');
  while (offset < end) {
    const std::size_t count = std::min<std::uint64_t>(buffer.size(), end - offset);
    SHOAL_CHECK_OK(file.read_at(offset, std::as_writable_bytes(std::span(buffer.data(), count))));
    md5.add(as_bytes(std::string_view(buffer.data(), count)));
    offset += count;
  }
  return from_hex(md5.finish_hex());
}

}  // namespace

std::vector<std::uint64_t> plausible_part_sizes(std::uint64_t bytes, std::uint64_t parts,
                                                std::uint64_t part_bytes) {
  const std::uint64_t least = (parts_of(bytes, kMiB) + parts - 1) / parts * kMiB;
  std::vector<std::uint64_t> sizes;
  for (const std::uint64_t size :
       {part_bytes, 8 * kMiB, 5 * kMiB, 15 * kMiB, 16 * kMiB, 64 * kMiB, least})
    if (parts_of(bytes, size) == parts && std::ranges::find(sizes, size) == sizes.end())
      sizes.push_back(size);
  return sizes;
}

Result<bool> matches_etag(const std::filesystem::path& path, std::uint64_t bytes,
                          std::string_view etag, std::uint64_t part_bytes) {
  const auto parsed = parse_etag(etag);
  if (!parsed) return false;
  SHOAL_TRY(const auto file, sys::File::open(path, sys::File::Mode::read_only));
  if (parsed->parts == 0) {
    SHOAL_TRY(const std::string whole, md5_of(file, 0, bytes));
    return whole == parsed->md5;
  }
  for (const std::uint64_t size : plausible_part_sizes(bytes, parsed->parts, part_bytes)) {
    std::string joined;
    for (std::uint64_t part = 0; part < parsed->parts; ++part) {
      SHOAL_TRY(const std::string one,
                md5_of(file, part * size, std::min(bytes, (part + 1) * size)));
      joined += one;
    }
    if (store::md5(joined) == parsed->md5) return true;
  }
  return false;
}

}  // namespace shoal::upload
