// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::volume {

// "2c4g": processors and memory in one word, as container limits are written; what becomes of them.
// Everything a server of one volume allocates has its share, so that it stays below the limit
// whatever is read.
struct ResourcePlan {
  std::uint64_t memory_bytes = 0;
  std::uint32_t fetch_threads = 0;       // also the number of threads for the disk
  std::uint64_t buffer_bytes = 0;        // chunks being fetched or written
  std::uint64_t frontend_bytes = 0;      // answers on their way to the kernel
  std::uint32_t requests_in_flight = 0;  // each has a connection
};

// Fails with bad_input: not of that form, or less memory than the smallest server needs.
[[nodiscard]] Result<ResourcePlan> resource_plan(std::string_view text);

// The arithmetic, for --help.
[[nodiscard]] const char* resource_plan_help();

}  // namespace shoal::volume
