// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/tcp_address.h"

namespace shoal::control {

// HTTP on a TCP port, for Prometheus and for health checks: GET /metrics, GET /healthz, nothing
// else and no command. Its threads are its own.
//
// Thread model: synchronized.
class MetricsEndpoint {
 public:
  // Both are called on the endpoint's threads; what they read must be synchronized.
  using Metrics = std::function<std::string()>;
  using Health = std::function<Result<void>()>;  // an error is answered with 503 and its text

  // Fails with bad_input (no such address) and io (cannot be listened on, as when it is in use).
  [[nodiscard]] static Result<std::unique_ptr<MetricsEndpoint>> start(std::string_view address,
                                                                      Metrics metrics,
                                                                      Health health = {});
  ~MetricsEndpoint();  // waits for answers under way
  [[nodiscard]] const TcpAddress& address() const;

 private:
  class Impl;
  explicit MetricsEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::control
