// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "frontend/fuse/mount_state.h"
#include "sys/file.h"
#include "sys/process.h"

namespace shoal::fuse {

// One run of the server, from its start to its death. Thread model: confined.
class ServerProcess {
 public:
  // The server's number for the descriptor it is handed.
  static constexpr int kFuseFd = 3;
  struct Start {
    std::vector<std::string> command;
    int fuse_fd = -1;  // handed down
    std::filesystem::path session_file;
    int oom_score_adj = 0;  // the keeper's protection is not the server's
  };
  [[nodiscard]] static Result<ServerProcess> start(const Start& start);

  [[nodiscard]] ProcessId id() const { return id_; }
  [[nodiscard]] TimePoint started_at() const { return started_at_; }
  // Readable when the process is dead: every thread of it, so that none can take a request any
  // more.
  [[nodiscard]] int death_fd() const { return process_.pidfd(); }
  // Readable when it answers requests or says why it will not; -1 after take_report().
  [[nodiscard]] int report_fd() const { return report_.get(); }
  // closed: the process ended, or closed its end, without a word.
  [[nodiscard]] Result<void> take_report();
  // Call once it is dead.
  [[nodiscard]] sys::ExitStatus reap();
  void kill();
  // SIGTERM, and SIGKILL when it is not dead within `grace`.
  void stop(Duration grace);

 private:
  ServerProcess(sys::Process process, sys::Fd report);
  sys::Process process_;
  ProcessId id_;
  TimePoint started_at_;
  sys::Fd report_;
};

}  // namespace shoal::fuse
