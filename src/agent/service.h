// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "agent/agent.h"
#include "control/http_server.h"

namespace shoal::agent {

// The agent's HTTP (README.md): from questions to calls. synchronized.
class Service {
 public:
  // Prometheus text; called on a thread that answers.
  using Metrics = std::function<std::string()>;
  // Both must outlive the service.
  Service(Agent& agent, Metrics metrics) : agent_(agent), metrics_(std::move(metrics)) {}

  // Everything; for the socket only root can open.
  [[nodiscard]] control::HttpAnswer answer(const control::HttpQuestion& question);
  // GET /metrics and /healthz alone; for addresses others can reach.
  [[nodiscard]] control::HttpAnswer answer_public(const control::HttpQuestion& question);

 private:
  [[nodiscard]] Result<std::string> carry_out(const control::HttpQuestion& question);
  [[nodiscard]] Result<std::string> attach(const control::HttpQuestion& question);

  Agent& agent_;
  const Metrics metrics_;
  std::atomic<std::size_t> waiters_ = 0;
};

}  // namespace shoal::agent
