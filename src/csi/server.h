// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "csi/controller_service.h"
#include "csi/identity_service.h"
#include "csi/metrics.h"
#include "csi/node_service.h"

// The services behind gRPC on a unix socket. Everything of gRPC is in server.cc, registration.cc
// and what protoc made: it compiles slowly.

namespace shoal::csi {

struct Services {
  IdentityService& identity;
  NodeService* node = nullptr;              // not served when null
  ControllerService* controller = nullptr;  // likewise
};

// Thread model: synchronized.
class Server {
 public:
  // Listens, replacing a socket file nobody listens on. Only the socket's owner may connect, when
  // the process's umask is 077. Services and metrics outlive the server. Errors as
  // check_can_listen().
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const std::filesystem::path& socket,
                                                             const Services& services,
                                                             RpcMetrics& metrics);
  ~Server();

  // Takes no more calls; those that wait for volumes are answered with how far they are, others
  // finish, within limits::kDrainTime.
  void stop();

  // Whether a call through the socket is answered: what a liveness probe wants to know.
  [[nodiscard]] bool answers() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::csi
