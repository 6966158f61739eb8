// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "devbucket/authorizer.h"
#include "devbucket/faults.h"
#include "devbucket/invented.h"

namespace shoal::devbucket {

struct ServerOptions {
  std::string directory;
  std::string bind_address = "127.0.0.1";
  std::uint16_t port = 0;     // 0: a free one
  unsigned thread_count = 0;  // 0: one per processor
  std::vector<InventedSet> invented;
  AuthorizerOptions auth;
  FaultOptions faults;
  std::int64_t clock_offset_seconds = 0;
};

// A running dev bucket. The constructor's caller owns its threads through it: it accepts
// connections from start() on, until stop() or its death. synchronized.
class Server {
 public:
  // Errors: the directory is missing, the address is in use or not ours.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  // The counts as one line of JSON.
  [[nodiscard]] std::string counts() const;
  // Drops all connections and waits for the threads. May be called again.
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::devbucket
