// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace shoal::csi {

// main() of shoal-csi: reads flags and environment, serves until SIGTERM. Exit codes: 0 stopped,
// 1 failed, 2 wrong usage.
int run_program(int argc, char** argv);

}  // namespace shoal::csi
