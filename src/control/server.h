// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/result.h"
#include "control/status.h"
#include "shoal/volume.h"

namespace shoal::control {

// Called for every question, on a thread of the control plane; what it reads must be synchronized.
// Server adds the process id and the age.
using StatusSource = std::function<Status()>;

// Answers HTTP on a unix socket, and carries commands out on a volume:
//
//   GET /status, /prefetch (JSON), /metrics (Prometheus), /log, /jobs, /jobs/ID
//   POST /warm, /check, /unpin, /order; DELETE /jobs/ID; PUT /log    see commands.h
//
// What a client did wrong is answered with 400 and the reason, an unknown job or address with 404.
// Its threads are its own: a slow or hostile client never delays a read, and a command never delays
// a question. Only the socket file's owner may connect.
//
// Thread model: synchronized.
class Server {
 public:
  // Replaces a socket file left by an earlier server. `volume` outlives the server, and so do the
  // warm() calls it has made. An order that was announced is kept beside the socket for the next
  // server, and one that is found there is announced again. Fails with io when it cannot listen,
  // or as SocketPath::of.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const std::filesystem::path& socket,
                                                             Volume& volume, StatusSource source);
  ~Server();  // stops, gives up commands under way, removes the socket file

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::control
