// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

// Datasets that are computed instead of stored: key i is known from i and i from key i, so that
// millions of objects cost no disk and a listing can start anywhere. Tests use the same functions
// to know what they must read. Pure; immutable.
//
// Content: lines of 64 bytes. The line at offset o of the object with key k is
//   o as 16 lower-case hex digits, a space, the last 46 bytes of k padded with '.', a newline
// cut off at the object's size. So every aligned 64 bytes tell which object and place they are
// from.

namespace shoal::devbucket {

inline constexpr std::uint64_t kInventedLineBytes = 64;

enum class InventedShape {
  flat,         // f00000000.dat, f00000001.dat, ...; more digits from 10^8 objects on
  tree,         // AAAA/2010-01-04.csv ...: symbols in order, and below each the days in order
  directories,  // d00000000/f00000000.dat ...: no more directories than that, equally full
};

struct InventedSet {
  std::string bucket;
  std::uint64_t count = 0;
  InventedShape shape = InventedShape::flat;
  std::uint64_t size_min_bytes = 0;
  std::uint64_t size_max_bytes = 0;
  std::uint64_t days = 1;                 // tree: objects per symbol; from days_per_symbol(count)
  std::uint64_t files_per_directory = 1;  // directories: in all but the last

  bool operator==(const InventedSet&) const = default;
};

// "BUCKET:N:SHAPE[:SIZE]": SHAPE "flat", "tree" or "dirs=200", SIZE "8KiB" or "1KiB-16KiB" (default
// 8KiB).
[[nodiscard]] Result<InventedSet> parse_invented(std::string_view text);
// The square root of the number of objects, at most 2520 (ten years of trading days).
[[nodiscard]] std::uint64_t days_per_symbol(std::uint64_t count);

// The key of `rank` (0 ... count - 1), in `key`. Keys grow in byte order with the rank.
void invented_key(const InventedSet& set, std::uint64_t rank, std::string& key);
// The rank of the first key that is not below `key`; count when there is none. O(log count).
[[nodiscard]] std::uint64_t invented_lower_bound(const InventedSet& set, std::string_view key);

[[nodiscard]] std::uint64_t invented_size(const InventedSet& set, std::string_view key);
// 32 hex digits and "-1": a client must not take it for the MD5 of the content.
[[nodiscard]] std::string invented_etag(const InventedSet& set, std::string_view key);
// Seconds since 1970; some moment of 2024.
[[nodiscard]] std::int64_t invented_mtime(const InventedSet& set, std::string_view key);

// The bytes of `key` from `offset` on, as many as `target` holds; does not look at the size.
void invented_content(std::string_view key, std::uint64_t offset, std::span<char> target);

}  // namespace shoal::devbucket
