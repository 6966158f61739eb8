// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <httplib.h>

#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "control/http_pool.h"
#include "control/socket_path.h"

// Private to control/: see http_pool.h.

namespace shoal::control {

// httplib's server with the bounds of limits.h, on a unix socket or an address, and an orderly end.
// Routes are added to `http()` before start. confined, but for what httplib calls.
class HttpListener {
 public:
  struct Bounds {
    std::size_t threads;
    std::size_t body_bytes_max;
    std::chrono::milliseconds read_timeout;
  };
  explicit HttpListener(const Bounds& bounds);
  // Stops; answers under way are finished. Removes the socket file.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  [[nodiscard]] httplib::Server& http() noexcept { return http_; }
  // Replaces a socket file left by an earlier process; only its owner may connect. Fails with io,
  // or as SocketPath::of.
  [[nodiscard]] Result<void> listen_on(const std::filesystem::path& socket);
  // Fails with io: in use, or not an address of this machine. Port 0: any. Returns the port.
  [[nodiscard]] Result<int> listen_on(const std::string& host, int port);

 private:
  // Clients that come at the same moment wait for their turn: httplib lets five of them.
  class PatientServer final : public httplib::Server {
   public:
    void widen_queue();
  };

  PatientServer http_;
  std::filesystem::path socket_;  // empty: not a unix socket
  std::optional<SocketPath> name_;
  std::thread thread_;
};

}  // namespace shoal::control
