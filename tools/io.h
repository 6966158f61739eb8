// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdio>
#include <string_view>

#include "shoal/error.h"

namespace shoal::tools {

// Exit codes of every command.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // some or all of what was asked could not be done
inline constexpr int kExitUsage = 2;

// What a command may touch of the process it runs in.
struct Io {
  std::FILE* out = stdout;
  std::FILE* err = stderr;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Set by SIGINT and SIGTERM once catch_signals() was called.
  std::atomic<bool>* stop = nullptr;

  [[nodiscard]] static Io of_process();
};

// From here on SIGINT and SIGTERM set io.stop instead of ending the process; a second one ends it.
void catch_signals();

// "shoal: " + text + newline on io.err; a log line of the event "message" where those are JSON.
// Text that begins with "warning: " is of that level there.
void complain(const Io& io, std::string_view text);
void complain(const Io& io, const Error& error);
// The same for what is no trouble: what is being done, where something was written.
void remark(const Io& io, std::string_view text);

}  // namespace shoal::tools
