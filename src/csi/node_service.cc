// SPDX-License-Identifier: Apache-2.0
#include "csi/node_service.h"

#include <algorithm>

#include "csi/fingerprint.h"
#include "csi/request_checks.h"
#include "csi/string_map.h"
#include "csi/volume_progress.h"
#include "csi/wanted_volume.h"

namespace shoal::csi {
namespace {

using std::chrono::milliseconds;

std::unexpected<Failure> busy(const std::string& volume) {
  return failure(StatusCode::aborted,
                 "another call for volume " + volume + " is under way; try again in a moment");
}

// What the agent has of the volume; nothing: it does not know it.
Answer<std::optional<agent::VolumeReport>> known_volume(AgentCalls& agent, const std::string& id) {
  auto report = agent.report(id);
  if (report) return std::optional(*std::move(report));
  if (report.error().code() == ErrorCode::not_found) return std::optional<agent::VolumeReport>();
  return failure(report.error());
}

// A mount has one group. The first pod's stays when another pod has another: files everybody may
// read are not made unreadable by it.
Checked settle_group(VolumeRequest& volume, const agent::VolumeReport& known) {
  if (!volume.gid_of_pod || volume.spec.gid == known.spec.gid) return {};
  auto same_but_group = volume.spec;
  same_but_group.gid = known.spec.gid;
  if (same_but_group != known.spec) return {};  // refused by the agent, with the reason
  const bool all_may_read = known.spec.umask.empty() || ((known.spec.umask.back() - '0') & 5) == 0;
  if (!all_may_read)
    return failure(StatusCode::failed_precondition,
                   "the volume is mounted on this node for group " +
                       (known.spec.gid ? std::to_string(*known.spec.gid) : "0") +
                       ", and others may not read it (umask " + known.spec.umask +
                       "). Give the pods one fsGroup, or let others read");
  volume.warnings.push_back(
      "files are shown with the group of the first pod on this node, not "
      "with this pod's fsGroup; everybody may read them");
  volume.spec.gid = known.spec.gid;
  return {};
}

Checked check_target(const agent::VolumeReport& known, const std::string& target,
                     const std::string& wanted, const Capability& capability) {
  for (const agent::TargetReport& other : known.targets) {
    if (other.path == std::filesystem::path(target).lexically_normal()) {
      if (other.fingerprint != wanted)
        return failure(StatusCode::already_exists,
                       "target " + target + " shows the volume with other arguments: " +
                           difference(other.fingerprint, wanted) + " differs");
    } else if (capability.one_target_only) {
      return failure(StatusCode::failed_precondition,
                     "access mode " + capability.mode +
                         " allows one target, and the volume is at " + other.path.string() +
                         " already. Write accessModes: [ReadOnlyMany]");
    }
  }
  return {};
}

// What nobody is going to undo is undone here.
void abandon(AgentCalls& agent, const std::string& id, StatusCode code) {
  if (!is_final(code)) return;
  ignore(agent.detach(id), "the failure itself is the answer");
}

}  // namespace

milliseconds NodeService::wait_budget(const Call& call) const {
  if (waiting_.load(std::memory_order_relaxed) > limits::kWaitersMax) return milliseconds(0);
  auto budget = options_.stage_wait;
  if (call.deadline != TimePoint::max())
    budget = std::min(budget, std::chrono::duration_cast<milliseconds>(
                                  call.deadline - clock_.now() - limits::kDeadlineReserve));
  return std::max(budget, milliseconds(0));
}

Answer<agent::VolumeReport> NodeService::bring_up(AgentCalls& agent, agent::Client::Attach request,
                                                  const Call& call) {
  struct Waiter {
    explicit Waiter(std::atomic<int>& count) : count_(count) { ++count_; }
    ~Waiter() { --count_; }
    std::atomic<int>& count_;
  } waiter(waiting_);
  const TimePoint end = clock_.now() + wait_budget(call);
  for (;;) {
    const TimePoint begun = clock_.now();
    request.wait = std::clamp(std::chrono::duration_cast<milliseconds>(end - begun),
                              milliseconds(0), options_.wait_slice);
    auto report = agent.attach(request);
    if (!report && report.error().code() == ErrorCode::precondition)
      return failure(
          StatusCode::already_exists,
          "the volume is in use on this node with other attributes: " + report.error().message());
    if (!report) return failure(report.error());
    if (report->phase == agent::VolumePhase::ready) return *std::move(report);
    if (report->phase == agent::VolumePhase::failed) return failure_of(*report);
    // An agent with too many who wait answers at once; asking it again and again would not help.
    const bool waited = clock_.now() - begun >= request.wait * 9 / 10;
    if (!waited || clock_.now() >= end || call.given_up())
      return failure(StatusCode::aborted, progress_text(*report));
    request.keys.reset();  // the agent has them
  }
}

Answer<v1::NodeStageVolumeResponse> NodeService::stage(const v1::NodeStageVolumeRequest& request,
                                                       const Call& call) {
  SHOAL_CSI_CHECK(check_text("volume_id", request.volume_id()));
  SHOAL_CSI_CHECK(check_path("staging_target_path", request.staging_target_path()));
  auto wanted = read_wanted(request.has_volume_capability(), request.volume_capability(),
                            map_of(request.volume_context()), map_of(request.secrets()));
  if (!wanted) return std::unexpected(std::move(wanted).error());
  VolumeRequest& volume = wanted->volume;
  const auto turn = in_flight_.begin(request.volume_id());
  if (!turn) return busy(request.volume_id());
  said_.say(call.request_id, request.volume_id(), volume.warnings);
  // Keys may come with the publish, or be the node's own: it begins then.
  if (!volume.keys && volume.spec.sign_requests) return v1::NodeStageVolumeResponse();
  const auto agent = agents_(call.request_id);
  auto known = known_volume(*agent, request.volume_id());
  if (!known) return std::unexpected(std::move(known).error());
  if (*known) SHOAL_CSI_CHECK(settle_group(volume, **known));
  auto report = bring_up(*agent,
                         {.id = request.volume_id(),
                          .spec = volume.spec,
                          .keys = volume.keys,
                          .staging_path = request.staging_target_path()},
                         call);
  if (report) return v1::NodeStageVolumeResponse();
  if (!*known || (*known)->targets.empty()) {
    if (report.error().code != StatusCode::already_exists)
      abandon(*agent, request.volume_id(), report.error().code);
  }
  return std::unexpected(std::move(report).error());
}

Answer<v1::NodeUnstageVolumeResponse> NodeService::unstage(
    const v1::NodeUnstageVolumeRequest& request, const Call& call) {
  SHOAL_CSI_CHECK(check_text("volume_id", request.volume_id()));
  SHOAL_CSI_CHECK(check_path("staging_target_path", request.staging_target_path()));
  const auto turn = in_flight_.begin(request.volume_id());
  if (!turn) return busy(request.volume_id());
  if (auto detached = agents_(call.request_id)->detach(request.volume_id()); !detached)
    return failure(detached.error());
  return v1::NodeUnstageVolumeResponse();
}

Answer<v1::NodePublishVolumeResponse> NodeService::publish(
    const v1::NodePublishVolumeRequest& request, const Call& call) {
  const std::string& id = request.volume_id();
  const StringMap context = map_of(request.volume_context());
  SHOAL_CSI_CHECK(check_text("volume_id", id));
  SHOAL_CSI_CHECK(check_path("target_path", request.target_path()));
  auto wanted = read_wanted(request.has_volume_capability(), request.volume_capability(), context,
                            map_of(request.secrets()));
  if (!wanted) return std::unexpected(std::move(wanted).error());
  VolumeRequest& volume = wanted->volume;
  if (!volume.ephemeral && request.staging_target_path().empty())
    return failure(StatusCode::failed_precondition,
                   "staging_target_path is missing: the volume is to be staged first");
  if (!volume.ephemeral)
    SHOAL_CSI_CHECK(check_path("staging_target_path", request.staging_target_path()));
  SHOAL_CSI_CHECK(check_inline_keys(volume));
  const auto turn = in_flight_.begin(id);
  if (!turn) return busy(id);
  const std::string print = fingerprint(wanted->capability, request.readonly(), context);
  const auto agent = agents_(call.request_id);
  auto known = known_volume(*agent, id);
  if (!known) return std::unexpected(std::move(known).error());
  if (*known) {
    SHOAL_CSI_CHECK(check_target(**known, request.target_path(), print, wanted->capability));
    SHOAL_CSI_CHECK(settle_group(volume, **known));
  }
  said_.say(call.request_id, id, volume.warnings);
  const bool first = !*known || (*known)->targets.empty();
  auto report = bring_up(*agent,
                         {.id = id,
                          .spec = volume.spec,
                          .keys = volume.keys,
                          .staging_path = request.staging_target_path(),
                          .detach_with_last_target = volume.ephemeral},
                         call);
  if (!report) {
    if (volume.ephemeral && first && report.error().code != StatusCode::already_exists)
      abandon(*agent, id, report.error().code);
    return std::unexpected(std::move(report).error());
  }
  auto published = agent->publish({.id = id,
                                   .target = request.target_path(),
                                   .read_only = request.readonly(),
                                   .fingerprint = print});
  if (published) return v1::NodePublishVolumeResponse();
  if (volume.ephemeral && first) abandon(*agent, id, status_of(published.error().code()));
  return failure(published.error());
}

Answer<v1::NodeUnpublishVolumeResponse> NodeService::unpublish(
    const v1::NodeUnpublishVolumeRequest& request, const Call& call) {
  SHOAL_CSI_CHECK(check_text("volume_id", request.volume_id()));
  SHOAL_CSI_CHECK(check_path("target_path", request.target_path()));
  const auto turn = in_flight_.begin(request.volume_id());
  if (!turn) return busy(request.volume_id());
  if (auto gone = agents_(call.request_id)->unpublish(request.volume_id(), request.target_path());
      !gone)
    return failure(gone.error());
  return v1::NodeUnpublishVolumeResponse();
}

Answer<v1::NodeGetVolumeStatsResponse> NodeService::stats(
    const v1::NodeGetVolumeStatsRequest& request, const Call& call) {
  SHOAL_CSI_CHECK(check_text("volume_id", request.volume_id()));
  SHOAL_CSI_CHECK(check_path("volume_path", request.volume_path()));
  const auto agent = agents_(call.request_id);
  auto known = known_volume(*agent, request.volume_id());
  if (!known) return std::unexpected(std::move(known).error());
  if (!*known)
    return failure(StatusCode::not_found, "volume " + request.volume_id() + " is not on this node");
  const agent::VolumeReport& report = **known;
  const auto path = std::filesystem::path(request.volume_path()).lexically_normal();
  const bool is_there =
      (!report.staging_path.empty() && report.staging_path.lexically_normal() == path) ||
      std::ranges::any_of(report.targets, [&](const auto& target) { return target.path == path; });
  if (!is_there)
    return failure(StatusCode::not_found,
                   "volume " + request.volume_id() + " is not at " + path.string());
  return stats_of(report);
}

Answer<v1::NodeExpandVolumeResponse> NodeService::expand(const v1::NodeExpandVolumeRequest&,
                                                         const Call&) {
  return failure(StatusCode::unimplemented,
                 "a volume is as large as the objects below its prefix; it cannot be expanded");
}

Answer<v1::NodeGetCapabilitiesResponse> NodeService::capabilities(
    const v1::NodeGetCapabilitiesRequest&, const Call&) {
  using Rpc = v1::NodeServiceCapability::RPC;
  v1::NodeGetCapabilitiesResponse response;
  // SINGLE_NODE_MULTI_WRITER: with it kubelet says which of ReadWriteOnce (any number of pods) and
  // ReadWriteOncePod is meant.
  for (const auto type : {Rpc::STAGE_UNSTAGE_VOLUME, Rpc::GET_VOLUME_STATS, Rpc::VOLUME_CONDITION,
                          Rpc::SINGLE_NODE_MULTI_WRITER, Rpc::VOLUME_MOUNT_GROUP})
    response.add_capabilities()->mutable_rpc()->set_type(type);
  return response;
}

Answer<v1::NodeGetInfoResponse> NodeService::info(const v1::NodeGetInfoRequest&, const Call&) {
  v1::NodeGetInfoResponse response;
  response.set_node_id(options_.node_id);
  response.set_max_volumes_per_node(options_.max_volumes);
  return response;
}

}  // namespace shoal::csi
