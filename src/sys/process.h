// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::sys {

struct SpawnOptions {
  // argv[0] is the program: a path, or a name looked up in PATH.
  std::vector<std::string> arguments;
  // Descriptors the child gets, under numbers of its own. It gets nothing else of ours above the
  // highest.
  struct InheritedFd {
    int fd = -1;
    int child_fd = -1;  // 3 or above
  };
  std::vector<InheritedFd> inherited_fds = {};
  std::filesystem::path output_file = {};  // standard output and error are appended; empty: ours
  bool new_session = false;                // away from our terminal and its Ctrl-C
};

struct ExitStatus {
  int code = 0;    // of exit(), when signal is 0
  int signal = 0;  // that killed it, or 0
  [[nodiscard]] bool success() const noexcept { return code == 0 && signal == 0; }
  [[nodiscard]] std::string to_string() const;  // "exit code 3", "signal 9 (Killed)"
};

// A child of this process. Its destructor neither kills nor waits; a child nobody waits for stays a
// zombie until this process ends. Move-only, serialized.
class Process {
 public:
  // Starts the program with default signal handling and an empty signal mask; standard input is
  // /dev/null. Fails with not_found when the program does not exist.
  [[nodiscard]] static Result<Process> spawn(const SpawnOptions& options);

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // Readable (POLLIN) once the child has ended; for Loop::watch. Owned by this object.
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
  // The end of the child, or nothing when it still runs after `patience`. The status stays known.
  [[nodiscard]] Result<std::optional<ExitStatus>> wait(Duration patience);
  // Sends a signal; one to a child that has ended is ignored.
  [[nodiscard]] Result<void> signal(int number) const;

 private:
  Process(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  Fd pidfd_;
  std::optional<ExitStatus> status_;
};

// Path of the program this process runs; after an upgrade, of the one that took its place.
[[nodiscard]] Result<std::filesystem::path> self_executable();
// True while a process of that id exists and has not ended (a zombie has).
[[nodiscard]] bool pid_alive(pid_t pid);

}  // namespace shoal::sys
