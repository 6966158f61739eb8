// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace shoal::fetch {

// When a chunk of a known order is read next. synchronized.
class NextUse {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  virtual ~NextUse() = default;
  // Number of files the readers open before they come to this chunk again; kNever when they do not.
  [[nodiscard]] virtual std::uint64_t next_use(ChunkId chunk) const = 0;
};

// How a full cache makes room.
enum class EvictionMode : std::uint8_t {
  scan_resistant,  // orders unknown: a scan, even a repeated one, does not push out everything
  keep,      // what is cached stays, new chunks pass through memory: random over all, repeated
  next_use,  // order known: the chunk whose next use is farthest goes first
};

}  // namespace shoal::fetch
