// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace shoal {

// A number that says what it counts: two different StrongId types never mix, so swapped arguments
// do not compile.
template <typename Tag>
struct StrongId {
  std::uint64_t value = 0;
  constexpr auto operator<=>(const StrongId&) const = default;
};

// Number of an aligned piece of the data region: data address / chunk size, counted from the start
// of the data region (not of the image).
using ChunkId = StrongId<struct ChunkIdTag>;

// Byte offset of an object (or a block of one) in the data region, counted from its start. Image
// offset = format::kDataRegionStart + data address.
using DataAddress = StrongId<struct DataAddressTag>;

// One immutable state of a dataset, counted from 1.
using Generation = StrongId<struct GenerationTag>;

}  // namespace shoal

template <typename Tag>
struct std::hash<shoal::StrongId<Tag>> {
  std::size_t operator()(shoal::StrongId<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
