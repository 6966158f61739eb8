// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace shoal::devbucket {

// The whole program: reads the command line and the environment, serves until SIGINT or SIGTERM,
// prints the counts. Returns the exit code: 0, 1 when it could not start, 2 for wrong usage.
[[nodiscard]] int run_program(int argc, char** argv);

}  // namespace shoal::devbucket
