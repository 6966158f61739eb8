// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "agent/client.h"

namespace shoal::csi {

// What the node service asks of the agent: agent::Client, or a stand-in. Contracts are there.
class AgentCalls {
 public:
  virtual ~AgentCalls() = default;
  [[nodiscard]] virtual Result<agent::VolumeReport> attach(
      const agent::Client::Attach& request) = 0;
  [[nodiscard]] virtual Result<void> detach(const std::string& id) = 0;
  [[nodiscard]] virtual Result<void> publish(const agent::Client::Publish& request) = 0;
  [[nodiscard]] virtual Result<void> unpublish(const std::string& id,
                                               const std::filesystem::path& target) = 0;
  [[nodiscard]] virtual Result<agent::VolumeReport> report(const std::string& id) = 0;
  [[nodiscard]] virtual Result<void> ping() = 0;
};

// One for each call of a service: the agent writes `request_id` beside what it does because of it.
// synchronized.
using AgentDoor = std::function<std::unique_ptr<AgentCalls>(const std::string& request_id)>;

// To the agent behind `socket`.
[[nodiscard]] AgentDoor agent_door(std::filesystem::path socket);

}  // namespace shoal::csi
