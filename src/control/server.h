// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/result.h"
#include "control/status.h"

namespace shoal::control {

// Called for every question, on the control plane's thread; what it reads must be synchronized.
// Server adds the process id and the age.
using StatusSource = std::function<Status()>;

// Answers HTTP on a unix socket: GET /status (JSON), GET /metrics (Prometheus), 404 otherwise. Its
// threads are its own: a slow or hostile client never delays a read. Only the socket file's owner
// may connect.
//
// Thread model: synchronized.
class Server {
 public:
  // Replaces a socket file left by an earlier server. Fails with bad_input when the path is too
  // long for a socket, and with io when it cannot listen there.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const std::filesystem::path& socket,
                                                             StatusSource source);
  ~Server();  // stops, waits for the answer under way, removes the socket file

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::control
