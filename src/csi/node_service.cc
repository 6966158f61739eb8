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

// It failed, and nobody sees it: what it was asked for binds nobody.
bool is_given_up(const agent::VolumeReport& known) {
  return known.phase == agent::VolumePhase::failed && known.targets.empty();
}

// Without what a pod's group changes: gid, and whether the group may read.
agent::VolumeSpec without_group(agent::VolumeSpec spec) {
  spec.gid.reset();
  if (spec.umask.size() == 4) spec.umask[2] = '0';
  return spec;
}

bool others_may_read(const std::string& umask) {
  return umask.empty() || ((umask.back() - '0') & 5) == 0;
}

// A mount has one group. The first pod's stays when another pod has another, or none: files
// everybody may read are not made unreadable by it.
Checked settle_group(VolumeRequest& volume, const agent::VolumeReport& known) {
  const agent::VolumeSpec& mounted = known.spec;
  if (volume.spec == mounted || is_given_up(known)) return {};
  if (volume.spec.gid && !volume.gid_of_pod) return {};  // the volume's own
  if (without_group(volume.spec) != without_group(mounted))
    return {};  // refused by the agent, with the reason
  if (volume.gid_of_pod && !others_may_read(mounted.umask))
    return failure(StatusCode::failed_precondition,
                   "the volume is mounted on this node for group " +
                       (mounted.gid ? std::to_string(*mounted.gid) : "0") +
                       ", and others may not read it (umask " + mounted.umask +
                       "). Give the pods one fsGroup, or let others read");
  if (volume.gid_of_pod)
    volume.warnings.push_back(
        "files are shown with the group of the first pod on this node, not "
        "with this pod's fsGroup; everybody may read them");
  volume.spec.gid = mounted.gid;
  volume.spec.umask = mounted.umask;
  return {};
}

const agent::TargetReport* shown_at(const agent::VolumeReport& known,
                                    const std::filesystem::path& target) {
  const auto at = std::ranges::find(known.targets, target, &agent::TargetReport::path);
  return at == known.targets.end() ? nullptr : &*at;
}

Checked check_target(const agent::VolumeReport& known, const std::string& target,
                     const std::string& wanted, const Capability& capability) {
  if (const auto* same = shown_at(known, target); same != nullptr && same->fingerprint != wanted)
    return failure(StatusCode::already_exists,
                   "target " + target + " shows the volume with other arguments: " +
                       difference(same->fingerprint, wanted) + " differs");
  for (const agent::TargetReport& other : known.targets)
    if (capability.one_target_only && other.path != target)
      return failure(StatusCode::failed_precondition,
                     "access mode " + capability.mode +
                         " allows one target, and the volume is at " + other.path.string() +
                         " already. Write accessModes: [ReadOnlyMany]");
  return {};
}

// What is asked for, where the volume is there already.
Checked fit_to_known(VolumeRequest& volume, const agent::VolumeReport& known,
                     const std::string& target) {
  // The same call again: it means what it meant then, also to a driver that was replaced since and
  // reads some attribute otherwise. New keys must reach the mount.
  if (shown_at(known, target) != nullptr) {
    volume.spec = known.spec;
    return {};
  }
  return settle_group(volume, known);
}

// What kubelet is not going to undo is undone here. What cannot be is no final failure: kubelet
// calls again, or undoes.
Failure abandoned(AgentCalls& agent, const std::string& id, Failure why) {
  if (!is_final(why.code) || why.code == StatusCode::already_exists) return why;
  const auto gone = agent.detach(id);
  if (gone) return why;
  return {StatusCode::unavailable,
          printable(why.message + ". It is not undone yet: " + gone.error().message())};
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

Answer<agent::VolumeReport> NodeService::bring_up(AgentCalls& agent,
                                                  const agent::Client::Attach& request,
                                                  const std::optional<agent::VolumeReport>& known,
                                                  const Call& call) {
  auto report = wait_for(agent, request, call);
  if (report || report.error().code != StatusCode::already_exists) return report;
  // It begins anew, as it is asked for now: its Secret may have been empty then.
  if (!known || !is_given_up(*known)) return report;
  if (auto gone = agent.detach(request.id); !gone) return failure(gone.error());
  return wait_for(agent, request, call);
}

Answer<agent::VolumeReport> NodeService::wait_for(AgentCalls& agent, agent::Client::Attach request,
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
                          .staging_path = plain_path(request.staging_target_path())},
                         *known, call);
  if (report) return v1::NodeStageVolumeResponse();
  const bool in_use = *known && !(*known)->targets.empty();
  if (in_use) return std::unexpected(std::move(report).error());
  return std::unexpected(abandoned(*agent, request.volume_id(), std::move(report).error()));
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
  const std::string target = plain_path(request.target_path());
  const auto agent = agents_(call.request_id);
  auto known = known_volume(*agent, id);
  if (!known) return std::unexpected(std::move(known).error());
  if (*known) {
    SHOAL_CSI_CHECK(check_target(**known, target, print, wanted->capability));
    SHOAL_CSI_CHECK(fit_to_known(volume, **known, target));
  }
  said_.say(call.request_id, id, volume.warnings);
  // Of an inline volume there is no unstage.
  const bool is_mine_to_undo = volume.ephemeral && (!*known || (*known)->targets.empty());
  const auto failed = [&](Failure why) -> std::unexpected<Failure> {
    if (!is_mine_to_undo) return std::unexpected(std::move(why));
    return std::unexpected(abandoned(*agent, id, std::move(why)));
  };
  std::string staging;
  if (!request.staging_target_path().empty()) staging = plain_path(request.staging_target_path());
  auto report = bring_up(*agent,
                         {.id = id,
                          .spec = volume.spec,
                          .keys = volume.keys,
                          .staging_path = staging,
                          .detach_with_last_target = volume.ephemeral},
                         *known, call);
  if (!report) return failed(std::move(report).error());
  auto published = agent->publish(
      {.id = id, .target = target, .read_only = request.readonly(), .fingerprint = print});
  if (published) return v1::NodePublishVolumeResponse();
  return failed(failure(published.error()).error());
}

Answer<v1::NodeUnpublishVolumeResponse> NodeService::unpublish(
    const v1::NodeUnpublishVolumeRequest& request, const Call& call) {
  SHOAL_CSI_CHECK(check_text("volume_id", request.volume_id()));
  SHOAL_CSI_CHECK(check_path("target_path", request.target_path()));
  const auto turn = in_flight_.begin(request.volume_id());
  if (!turn) return busy(request.volume_id());
  if (auto gone = agents_(call.request_id)
                      ->unpublish(request.volume_id(), plain_path(request.target_path()));
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
  const std::string path = plain_path(request.volume_path());
  if (report.staging_path != path && shown_at(report, path) == nullptr)
    return failure(StatusCode::not_found, "volume " + request.volume_id() + " is not at " + path);
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
