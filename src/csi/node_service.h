// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "csi/agent_calls.h"
#include "csi/call.h"
#include "csi/capability.h"
#include "csi/limits.h"
#include "csi/messages.h"
#include "csi/said_once.h"
#include "csi/status_codes.h"
#include "csi/volume_attributes.h"
#include "csi/volumes_in_flight.h"

// The Node service: checks what kubelet asks, turns it into what the agent is asked, and the
// agent's reports into answers. Keeps nothing that outlives a call: who dies here is started again,
// and whatever was under way is under way in the agent.
//
//  - The heavy start (index, mount) happens in whichever of stage and publish first has keys.
//  - A volume that is not ready in time is answered with ABORTED and how far it is; the agent goes
//    on.
//  - A failure after which kubelet will not undo anything leaves nothing behind in the agent.
//  - A call that is repeated means what it meant the first time, also after an upgrade.
//
// Thread model: synchronized; calls block, for the same volume one at a time (others: ABORTED).

namespace shoal::csi {

struct NodeOptions {
  std::string node_id;
  std::int64_t max_volumes = 0;  // told to Kubernetes; 0: no bound
  std::chrono::milliseconds stage_wait = limits::kStageWaitDefault;
  // The agent is asked anew so often, so that a caller who has gone and a stop are noticed.
  std::chrono::milliseconds wait_slice = limits::kWaitSlice;
};

class NodeService {
 public:
  NodeService(NodeOptions options, AgentDoor agents, const Clock& clock = system_clock())
      : options_(std::move(options)), agents_(std::move(agents)), clock_(clock) {}

  Answer<v1::NodeStageVolumeResponse> stage(const v1::NodeStageVolumeRequest& request,
                                            const Call& call);
  Answer<v1::NodeUnstageVolumeResponse> unstage(const v1::NodeUnstageVolumeRequest& request,
                                                const Call& call);
  Answer<v1::NodePublishVolumeResponse> publish(const v1::NodePublishVolumeRequest& request,
                                                const Call& call);
  Answer<v1::NodeUnpublishVolumeResponse> unpublish(const v1::NodeUnpublishVolumeRequest& request,
                                                    const Call& call);
  // Touches no mount: what the agent knows.
  Answer<v1::NodeGetVolumeStatsResponse> stats(const v1::NodeGetVolumeStatsRequest& request,
                                               const Call& call);
  Answer<v1::NodeExpandVolumeResponse> expand(const v1::NodeExpandVolumeRequest& request,
                                              const Call& call);
  Answer<v1::NodeGetCapabilitiesResponse> capabilities(
      const v1::NodeGetCapabilitiesRequest& request, const Call& call);
  Answer<v1::NodeGetInfoResponse> info(const v1::NodeGetInfoRequest& request, const Call& call);

 private:
  // `known`: what the agent had of the volume when the call came.
  Answer<agent::VolumeReport> bring_up(AgentCalls& agent, const agent::Client::Attach& request,
                                       const std::optional<agent::VolumeReport>& known,
                                       const Call& call);
  Answer<agent::VolumeReport> wait_for(AgentCalls& agent, agent::Client::Attach request,
                                       const Call& call);
  [[nodiscard]] std::chrono::milliseconds wait_budget(const Call& call) const;

  const NodeOptions options_;
  const AgentDoor agents_;
  const Clock& clock_;
  VolumesInFlight in_flight_;
  SaidOnce said_;
  std::atomic<int> waiting_{0};  // calls in bring_up
};

}  // namespace shoal::csi
