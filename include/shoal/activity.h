// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

// What was asked of a bucket and how long it took, as plain numbers: for monitoring. Counts are
// since the volume or the uploader was opened.

namespace shoal {

// Upper bounds of the classes of DurationCounts, in seconds: from a read out of memory to the
// longest wait.
inline constexpr std::array kDurationBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                            0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                            1.0,    2.5,     5.0,    10.0,  30.0,   60.0};

struct DurationCounts {
  // counts[i] took at most kDurationBounds[i] and more than the bound before; the last one longer.
  std::array<std::uint64_t, kDurationBounds.size() + 1> counts{};
  double seconds = 0;  // of all

  DurationCounts& operator+=(const DurationCounts& other) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
    seconds += other.seconds;
    return *this;
  }
};

// How one HTTP request ended.
inline constexpr std::array<std::string_view, 6> kRequestCodes{"2xx", "3xx",       "4xx",
                                                               "5xx", "no_answer", "given_up"};
// Why a call was tried again.
inline constexpr std::array<std::string_view, 5> kRetryReasons{"throttled", "timeout",
                                                               "unavailable", "corrupt", "other"};

struct StoreActivity {
  struct Op {
    std::string_view name;  // "get"
    std::array<std::uint64_t, kRequestCodes.size()> by_code{};
    DurationCounts durations{};  // to the last byte; without those given up
  };
  std::vector<Op> ops{};  // every kind of request that can occur
  std::array<std::uint64_t, kRetryReasons.size()> retries{};
  std::uint64_t received_bytes = 0;  // of bodies
  std::uint64_t sent_bytes = 0;      // likewise
  // When the keys that are there now end, in seconds since 1970; 0: not known. Looked up for this.
  std::int64_t keys_expire_at = 0;
};

}  // namespace shoal
