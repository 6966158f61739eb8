// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shoal/volume.h"

namespace shoal::control {

// Of the frontend that shows the volume to the kernel.
struct FrontendStatus {
  std::string kind;  // "fuse"
  std::uint64_t requests = 0;
  std::uint64_t recovered = 0;  // requests of an earlier server, answered by this one
  std::uint64_t paused = 0;     // times all buffers were in use
  std::uint64_t in_flight = 0;
  DurationCounts read_durations{};  // for monitoring only
};

// What a server says about itself.
struct Status {
  VolumeInfo volume;
  VolumeStats stats;
  PrefetchStatus prefetch;
  FrontendStatus frontend;
  std::vector<std::string> recent_errors;  // newest first
  std::string version;                     // of the program
  std::uint64_t server_pid = 0;
  double uptime_seconds = 0;  // of this server process
  // For monitoring only: not in the document.
  StoreActivity bucket{};
  std::uint64_t server_restarts = 0;  // of this mount
};

[[nodiscard]] std::string encode_status(const Status& status);
// Fails with corrupt when it is no status document; fields a newer server added are ignored.
[[nodiscard]] Result<Status> decode_status(std::string_view text);
// The part of it about prefetch, alone.
[[nodiscard]] std::string encode_prefetch(const PrefetchStatus& status);

}  // namespace shoal::control
