// SPDX-License-Identifier: Apache-2.0
#include "io.h"

#include <unistd.h>

#include <csignal>
#include <string>

#include "base/clock.h"
#include "base/log.h"

namespace shoal::tools {
namespace {

std::atomic<bool> stop_requested{false};

extern "C" void on_signal(int signal) {
  stop_requested.store(true);
  std::signal(signal, SIG_DFL);  // the second one ends the process
}

void say(const Io& io, LogLevel level, std::string_view text) {
  // Who asked for JSON lines reads them by program, all of them.
  const LogField fields[] = {{"text", text}};
  const std::string line =
      log_format() == LogFormat::json
          ? log_line(LogFormat::json, system_clock().wall_now(), level, "message", fields) + "\n"
          : "shoal: " + std::string(text) + "\n";
  std::fwrite(line.data(), 1, line.size(), io.err);
}

}  // namespace

Io Io::of_process() {
  Io io;
  io.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  io.err_is_terminal = isatty(STDERR_FILENO) == 1;
  io.stop = &stop_requested;
  return io;
}

void catch_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // A closed terminal ends what was started in it, except under nohup.
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
}

void complain(const Io& io, std::string_view text) {
  say(io, text.starts_with("warning: ") ? LogLevel::warning : LogLevel::error, text);
}

void complain(const Io& io, const Error& error) {
  complain(io, error.to_string());
}

void remark(const Io& io, std::string_view text) {
  say(io, LogLevel::info, text);
}

}  // namespace shoal::tools
