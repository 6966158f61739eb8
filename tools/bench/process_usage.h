// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace shoal::tools::bench {

struct ProcessUsage {
  int pid = 0;
  std::chrono::microseconds cpu{0};  // user and system, of all its threads, since it began
  std::uint64_t resident_bytes = 0;
  std::uint64_t resident_bytes_max = 0;  // ever
};

// This process; its CPU time to the microsecond.
[[nodiscard]] ProcessUsage own_usage();
// Another process, from /proc; its CPU time to the kernel's clock tick, mostly 10 ms. Nothing when
// there is no such process, or it may not be looked at.
[[nodiscard]] std::optional<ProcessUsage> usage_of(int pid);

}  // namespace shoal::tools::bench
