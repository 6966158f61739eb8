// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shoal::tools::bench {

// What a number is worth nothing without. Holds no name of the machine: reports are passed on.
struct Machine {
  std::string kernel;  // "Linux 6.12.9-amd64 x86_64"
  std::string processor;
  unsigned processors = 0;
  std::uint64_t memory_bytes = 0;
  double load = 0;  // average of the last minute, when the bench began
};
[[nodiscard]] Machine this_machine();

// The command line of this process, its program without directories.
[[nodiscard]] std::vector<std::string> command_line();

}  // namespace shoal::tools::bench
