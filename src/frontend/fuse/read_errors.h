// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/log_limit.h"
#include "shoal/error.h"

namespace shoal::fuse {

// The errno a failed Volume::read becomes, the one place where that is decided.
[[nodiscard]] int errno_of(ErrorCode code) noexcept;

// Logs failed reads with their whole text; each kind of error has a limit of its own, so that a
// flood of one does not hide another.
//
// Thread model: synchronized.
class ReadErrorLog {
 public:
  void record(std::uint64_t offset, std::uint64_t bytes, const Error& error);

 private:
  std::array<LogLimit, static_cast<std::size_t>(ErrorCode::bug) + 1> limits_;
};

}  // namespace shoal::fuse
