// SPDX-License-Identifier: Apache-2.0
#include "csi/agent_calls.h"

#include "csi/limits.h"

namespace shoal::csi {
namespace {

class ClientCalls final : public AgentCalls {
 public:
  ClientCalls(const std::filesystem::path& socket, const std::string& request_id)
      : mounts_(socket, limits::kAgentPatience, request_id),
        questions_(socket, limits::kReportPatience, request_id),
        probes_(socket, limits::kProbePatience, request_id) {}
  Result<agent::VolumeReport> attach(const agent::Client::Attach& request) override {
    return mounts_.attach(request);
  }
  Result<void> detach(const std::string& id) override { return mounts_.detach(id); }
  Result<void> publish(const agent::Client::Publish& request) override {
    return mounts_.publish(request);
  }
  Result<void> unpublish(const std::string& id, const std::filesystem::path& target) override {
    return mounts_.unpublish(id, target);
  }
  Result<agent::VolumeReport> report(const std::string& id) override {
    return questions_.report(id);
  }
  Result<void> ping() override { return probes_.ping(); }

 private:
  // One for each patience.
  agent::Client mounts_;
  agent::Client questions_;
  agent::Client probes_;
};

}  // namespace

AgentDoor agent_door(std::filesystem::path socket) {
  return [socket = std::move(socket)](const std::string& request_id) {
    return std::make_unique<ClientCalls>(socket, request_id);
  };
}

}  // namespace shoal::csi
