// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>

// For mistakes of the programmer only; bytes from a network, a disk or a user never reach it.
// Stays on in release builds: a server that dies is restarted by its keeper, one that serves wrong
// bytes is not noticed.
#define SHOAL_ASSERT(condition)                                                              \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
