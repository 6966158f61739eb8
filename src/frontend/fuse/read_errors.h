// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "base/clock.h"
#include "shoal/error.h"

namespace shoal::fuse {

// The errno a failed Volume::read becomes, the one place where that is decided.
[[nodiscard]] int errno_of(ErrorCode code) noexcept;

// Logs failed reads with their whole text, at most one line per kind and second; the next line says
// how many were left out.
//
// Thread model: synchronized.
class ReadErrorLog {
 public:
  void record(std::uint64_t offset, std::uint64_t bytes, const Error& error, TimePoint now);

  // The decision by itself: whether to log now, and if so how many were left out before.
  struct Verdict {
    bool log = false;
    std::uint64_t left_out = 0;
  };
  [[nodiscard]] Verdict admit(ErrorCode code, TimePoint now);

 private:
  struct Kind {
    bool seen = false;
    TimePoint logged_at{};
    std::uint64_t left_out = 0;
  };
  std::mutex mutex_;  // guards kinds_
  std::array<Kind, static_cast<std::size_t>(ErrorCode::bug) + 1> kinds_;
};

}  // namespace shoal::fuse
