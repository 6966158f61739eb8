// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/limits.h"
#include "base/result.h"
#include "frontend/fuse/bounds.h"
#include "frontend/fuse/image_tree.h"
#include "frontend/fuse/session.h"
#include "shoal/volume.h"

// The server process: answers the kernel's requests on an inherited /dev/fuse descriptor from a
// Volume. It holds no state the kernel depends on: killed at any instruction, its successor takes
// the session over (see keeper.h).

namespace shoal::fuse {

struct ServerOptions {
  int fuse_fd = -1;                    // inherited from the keeper; borrowed
  std::filesystem::path session_file;  // what INIT negotiated; beside it, "<name>.requests"
  int ready_fd = -1;  // inherited pipe end; told once requests are being answered; -1: nobody asks
  std::chrono::milliseconds io_timeout = limits::kIoTimeoutDefault;
  std::uint64_t buffer_bytes_max = bounds::kBufferBytesDefault;
  // False: do as on a kernel that cannot send requests again (for drills and tests).
  bool allow_resend = true;
};

struct ServerStats {
  std::uint64_t requests = 0;
  std::uint64_t reads = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t read_errors = 0;
  std::uint64_t resent = 0;     // requests of an earlier server the kernel sent again
  std::uint64_t restored = 0;   // requests of an earlier server found in the slots
  std::uint64_t paused = 0;     // times all slots or buffers were in use
  std::uint64_t in_flight = 0;  // reads the volume works on now
  std::uint64_t buffer_bytes = 0;
  DurationCounts read_durations;  // from a READ's arrival to the answer
};

// Thread model: run() is confined to its thread; the rest is synchronized. Requests are read on the
// volume's loop if it lends one (Volume::loop), else on the thread of run(); answers to READ are
// written by the volume's own threads.
class Server {
 public:
  enum class Outcome {
    stopped,       // asked to; every request read was answered
    disconnected,  // the file system was unmounted or its connection aborted
  };

  // `volume` must outlive the server. Fails with unsupported (no io_uring), corrupt (session file),
  // precondition (an earlier server showed the kernel another image than this volume's).
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(Volume& volume,
                                                              const ServerOptions& options);
  ~Server();

  // Serves until stop() or the end of the file system. A volume that breaks its promise to end
  // reads at their deadline aborts the process, whose successor gets the requests.
  [[nodiscard]] Result<Outcome> run();
  void stop();  // also safe in a signal handler

  [[nodiscard]] ServerStats stats() const;
  [[nodiscard]] Session session() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Exit codes of a server process, for its keeper.
inline constexpr int kExitStopped = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitDisconnected = 10;

// What `shoal serve` runs: lets SIGTERM stop the server, leaves SIGINT and SIGHUP to the keeper,
// ignores SIGPIPE, serves, logs a failure, and returns the exit code. One server per process.
[[nodiscard]] int serve(Server& server);

// Tells the waiting keeper why there will be no server (a failed open_volume), once, before exit.
void report_start_failure(int ready_fd, const Error& error);

}  // namespace shoal::fuse
