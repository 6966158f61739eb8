// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>

#include "base/assert.h"
#include "base/log.h"
#include "frontend/fuse/report.h"
#include "frontend/fuse/server.h"

namespace shoal::fuse {
namespace {

// For the signal handler, which has no other way to find the server.
std::atomic<Server*> running_server{nullptr};

extern "C" void stop_running_server(int) {
  if (Server* server = running_server.load()) server->stop();
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

int serve(Server& server) {
  SHOAL_ASSERT(running_server.exchange(&server) == nullptr);
  set_handler(SIGTERM, stop_running_server);
  set_handler(SIGINT, SIG_IGN);  // Ctrl-C in a foreground mount is for the keeper, which unmounts
  set_handler(SIGHUP, SIG_IGN);
  set_handler(SIGPIPE, SIG_IGN);
  const auto outcome = server.run();
  set_handler(SIGTERM, SIG_IGN);
  running_server.store(nullptr);
  if (!outcome) {
    log_event(LogLevel::error, "server.failed", {{"error", outcome.error().to_string()}});
    return kExitFailed;
  }
  const bool disconnected = *outcome == Server::Outcome::disconnected;
  log_event(LogLevel::info, "server.ended",
            {{"why", disconnected ? "the file system is gone" : "asked to stop"}});
  return disconnected ? kExitDisconnected : kExitStopped;
}

void report_start_failure(int ready_fd, const Error& error) {
  if (ready_fd >= 0) report_failure(ready_fd, error);
}

}  // namespace shoal::fuse
