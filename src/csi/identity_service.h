// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "csi/agent_calls.h"
#include "csi/call.h"
#include "csi/messages.h"
#include "csi/status_codes.h"

// The Identity service. Thread model: synchronized.

namespace shoal::csi {

struct IdentityOptions {
  std::string driver_name;
  std::string version;
  bool has_controller = false;
};

class IdentityService {
 public:
  // `agents` is empty where no node service is: then nothing else has to be ready.
  IdentityService(IdentityOptions options, AgentDoor agents)
      : options_(std::move(options)), agents_(std::move(agents)) {}

  Answer<v1::GetPluginInfoResponse> info(const v1::GetPluginInfoRequest& request, const Call& call);
  Answer<v1::GetPluginCapabilitiesResponse> capabilities(
      const v1::GetPluginCapabilitiesRequest& request, const Call& call);
  // Not ready while the agent does not answer. FAILED_PRECONDITION: it never will, as we are set
  // up.
  Answer<v1::ProbeResponse> probe(const v1::ProbeRequest& request, const Call& call);

 private:
  const IdentityOptions options_;
  const AgentDoor agents_;
};

}  // namespace shoal::csi
