// SPDX-License-Identifier: Apache-2.0
// Goal: the Node service keeps the CSI specification and kubelet's habits: keys by stage or
// publish, repeated and concurrent calls, volumes that take long or fail, nothing left behind.
// Method: an agent in memory that keeps its contract strictly; every case is a call or two.
#include "csi/node_service.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

#include "fake_agent.h"

namespace shoal::csi {
namespace {

using agent::VolumePhase;
using agent::VolumeReport;
using Mode = v1::VolumeCapability::AccessMode;
using Notes = std::vector<std::string>;

v1::VolumeCapability reads(Mode::Mode mode = Mode::MULTI_NODE_READER_ONLY) {
  v1::VolumeCapability capability;
  capability.mutable_mount();
  capability.mutable_access_mode()->set_mode(mode);
  return capability;
}

template <typename Request>
void describe(Request& request, const StringMap& secrets) {
  request.set_volume_id("v");
  request.set_staging_target_path("/stage/v");
  *request.mutable_volume_capability() = reads();
  (*request.mutable_volume_context())["source"] = "s3://b/p";
  request.mutable_secrets()->insert(secrets.begin(), secrets.end());
}
const StringMap kKeys{{"akId", "id"}, {"akSecret", "secret"}};

v1::NodeStageVolumeRequest stage_request(const StringMap& secrets = kKeys) {
  v1::NodeStageVolumeRequest request;
  describe(request, secrets);
  return request;
}
v1::NodePublishVolumeRequest publish_request(const StringMap& secrets = {},
                                             const std::string& target = "/pods/1/mount") {
  v1::NodePublishVolumeRequest request;
  describe(request, secrets);
  request.set_target_path(target);
  return request;
}
v1::NodePublishVolumeRequest inline_request(const StringMap& secrets = kKeys) {
  auto request = publish_request(secrets);
  request.clear_staging_target_path();
  (*request.mutable_volume_context())["csi.storage.k8s.io/ephemeral"] = "true";
  return request;
}

template <typename Response>
StatusCode code_of(const Answer<Response>& answer) {
  return answer ? StatusCode::ok : answer.error().code;
}
#define EXPECT_CODE(answer, expected)                                                              \
  do {                                                                                             \
    const auto& given = (answer);                                                                  \
    EXPECT_EQ(name_of(code_of(given)), name_of(expected)) << (given ? "" : given.error().message); \
  } while (false)

class node_service : public testing::Test {
 protected:
  FakeAgent agent_;
  NodeService service_{
      {.node_id = "node-7", .max_volumes = 30, .stage_wait = std::chrono::milliseconds(40)},
      agent_.door()};
  Call call_{.request_id = "r1"};
};

// ---- keys by stage or by publish

TEST_F(node_service, stage_with_keys_begins) {
  EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::ok);
  EXPECT_EQ(agent_.notes(), Notes{"attach v id"});
  EXPECT_EQ(agent_.volumes.at("v").staging_path, "/stage/v");
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
  EXPECT_EQ(agent_.notes(), (Notes{"attach v", "publish v /pods/1/mount"}));
}

TEST_F(node_service, stage_without_keys_waits_for_those_of_the_publish) {
  EXPECT_CODE(service_.stage(stage_request({}), call_), StatusCode::ok);
  EXPECT_EQ(agent_.notes(), Notes{});
  EXPECT_CODE(service_.publish(publish_request(kKeys), call_), StatusCode::ok);
  EXPECT_EQ(agent_.notes(), (Notes{"attach v id", "publish v /pods/1/mount"}));
}

TEST_F(node_service, stage_of_a_public_bucket_begins_without_keys) {
  auto request = stage_request({});
  (*request.mutable_volume_context())["authType"] = "public";
  EXPECT_CODE(service_.stage(request, call_), StatusCode::ok);
  EXPECT_EQ(agent_.notes(), Notes{"attach v"});
}

TEST_F(node_service, publish_without_any_keys_uses_the_nodes) {
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
  EXPECT_EQ(agent_.notes(), (Notes{"attach v", "publish v /pods/1/mount"}));
}

TEST_F(node_service, half_a_pair_of_keys_is_refused) {
  EXPECT_CODE(service_.stage(stage_request({{"akId", "i"}}), call_), StatusCode::invalid_argument);
  EXPECT_CODE(service_.publish(publish_request({{"akSecret", "s"}}), call_),
              StatusCode::invalid_argument);
  EXPECT_EQ(agent_.notes(), Notes{});
}

TEST_F(node_service, republish_with_new_keys_hands_them_over_and_changes_nothing_else) {
  EXPECT_CODE(service_.publish(publish_request(kKeys), call_), StatusCode::ok);
  const StringMap rotated{{"akId", "id2"}, {"akSecret", "secret2"}, {"SecurityToken", "t"}};
  EXPECT_CODE(service_.publish(publish_request(rotated), call_), StatusCode::ok);
  EXPECT_EQ(agent_.keys.at("v"), "id2");
  EXPECT_EQ(agent_.volumes.at("v").targets.size(), 1u);
}

// ---- repeated calls, other arguments

TEST_F(node_service, repeated_calls_are_answered_alike) {
  for (int i = 0; i < 3; ++i) EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::ok);
  for (int i = 0; i < 3; ++i)
    EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
  EXPECT_EQ(agent_.volumes.at("v").targets.size(), 1u);
  v1::NodeUnpublishVolumeRequest unpublish;
  unpublish.set_volume_id("v");
  unpublish.set_target_path("/pods/1/mount");
  v1::NodeUnstageVolumeRequest unstage;
  unstage.set_volume_id("v");
  unstage.set_staging_target_path("/stage/v");
  for (int i = 0; i < 3; ++i) EXPECT_CODE(service_.unpublish(unpublish, call_), StatusCode::ok);
  for (int i = 0; i < 3; ++i) EXPECT_CODE(service_.unstage(unstage, call_), StatusCode::ok);
  EXPECT_TRUE(agent_.volumes.empty());
}

TEST_F(node_service, other_arguments_for_a_target_already_exist) {
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
  auto other = publish_request();
  other.set_readonly(true);
  const auto answer = service_.publish(other, call_);
  EXPECT_CODE(answer, StatusCode::already_exists);
  EXPECT_NE(answer.error().message.find("readonly differs"), std::string::npos);
  other = publish_request();
  (*other.mutable_volume_context())["umask"] = "077";
  EXPECT_CODE(service_.publish(other, call_), StatusCode::already_exists);
}

TEST_F(node_service, other_attributes_for_a_staged_volume_already_exist) {
  EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::ok);
  auto other = stage_request();
  (*other.mutable_volume_context())["cacheSize"] = "1G";
  EXPECT_CODE(service_.stage(other, call_), StatusCode::already_exists);
  // ... and the volume that is there stays.
  EXPECT_EQ(agent_.volumes.count("v"), 1u);
}

TEST_F(node_service, several_targets_are_allowed_unless_the_mode_is_for_one) {
  for (const char* target : {"/pods/1/mount", "/pods/2/mount"}) {
    auto request = publish_request({}, target);
    *request.mutable_volume_capability() = reads(Mode::SINGLE_NODE_MULTI_WRITER);
    EXPECT_CODE(service_.publish(request, call_), StatusCode::ok);
  }
  for (const Mode::Mode mode :
       {Mode::SINGLE_NODE_WRITER, Mode::SINGLE_NODE_READER_ONLY, Mode::SINGLE_NODE_SINGLE_WRITER}) {
    auto request = publish_request({}, "/pods/3/mount");
    *request.mutable_volume_capability() = reads(mode);
    EXPECT_CODE(service_.publish(request, call_), StatusCode::failed_precondition);
  }
}

TEST_F(node_service, unstage_of_a_published_volume_is_refused) {
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
  v1::NodeUnstageVolumeRequest unstage;
  unstage.set_volume_id("v");
  unstage.set_staging_target_path("/stage/v");
  EXPECT_CODE(service_.unstage(unstage, call_), StatusCode::failed_precondition);
}

// ---- what is missing

TEST_F(node_service, missing_fields_are_named) {
  const auto refused = [&](auto answer, const std::string& field,
                           StatusCode code = StatusCode::invalid_argument) {
    EXPECT_CODE(answer, code);
    if (!answer) {
      EXPECT_NE(answer.error().message.find(field), std::string::npos) << answer.error().message;
    }
  };
  auto stage = stage_request();
  stage.clear_volume_id();
  refused(service_.stage(stage, call_), "volume_id");
  stage = stage_request();
  stage.clear_staging_target_path();
  refused(service_.stage(stage, call_), "staging_target_path");
  stage = stage_request();
  stage.clear_volume_capability();
  refused(service_.stage(stage, call_), "volume_capability");
  stage = stage_request();
  stage.clear_volume_context();
  refused(service_.stage(stage, call_), "bucket");

  auto publish = publish_request();
  publish.clear_volume_id();
  refused(service_.publish(publish, call_), "volume_id");
  publish = publish_request();
  publish.clear_target_path();
  refused(service_.publish(publish, call_), "target_path");
  publish = publish_request();
  publish.clear_volume_capability();
  refused(service_.publish(publish, call_), "volume_capability");
  publish = publish_request();
  publish.clear_staging_target_path();
  refused(service_.publish(publish, call_), "staging_target_path", StatusCode::failed_precondition);

  v1::NodeUnpublishVolumeRequest unpublish;
  refused(service_.unpublish(unpublish, call_), "volume_id");
  unpublish.set_volume_id("v");
  refused(service_.unpublish(unpublish, call_), "target_path");
  v1::NodeUnstageVolumeRequest unstage;
  refused(service_.unstage(unstage, call_), "volume_id");
  unstage.set_volume_id("v");
  refused(service_.unstage(unstage, call_), "staging_target_path");
  v1::NodeGetVolumeStatsRequest stats;
  refused(service_.stats(stats, call_), "volume_id");
  stats.set_volume_id("v");
  refused(service_.stats(stats, call_), "volume_path");
  refused(service_.expand({}, call_), "cannot be expanded", StatusCode::unimplemented);
  EXPECT_EQ(agent_.notes(), Notes{});
}

TEST_F(node_service, capabilities_that_cannot_be_had_are_refused) {
  auto request = stage_request();
  request.mutable_volume_capability()->mutable_block();
  EXPECT_CODE(service_.stage(request, call_), StatusCode::invalid_argument);
  request = stage_request();
  request.mutable_volume_capability()->clear_access_type();
  EXPECT_CODE(service_.stage(request, call_), StatusCode::invalid_argument);
  for (const int mode : {0, 8, 99}) {
    request = stage_request();
    request.mutable_volume_capability()->mutable_access_mode()->set_mode(
        static_cast<Mode::Mode>(mode));
    EXPECT_CODE(service_.stage(request, call_), StatusCode::invalid_argument);
  }
}

TEST_F(node_service, modes_for_writing_are_taken_unless_one_is_strict) {
  for (const Mode::Mode mode :
       {Mode::SINGLE_NODE_WRITER, Mode::MULTI_NODE_SINGLE_WRITER, Mode::MULTI_NODE_MULTI_WRITER,
        Mode::SINGLE_NODE_SINGLE_WRITER, Mode::SINGLE_NODE_MULTI_WRITER}) {
    auto request = stage_request();
    *request.mutable_volume_capability() = reads(mode);
    EXPECT_CODE(service_.stage(request, call_), StatusCode::ok);
    (*request.mutable_volume_context())["strictAccessMode"] = "true";
    EXPECT_CODE(service_.stage(request, call_), StatusCode::invalid_argument);
  }
  auto request = stage_request();
  (*request.mutable_volume_context())["strictAccessMode"] = "true";
  EXPECT_CODE(service_.stage(request, call_), StatusCode::ok);
}

TEST_F(node_service, sizes_beyond_the_specification_are_refused) {
  auto request = stage_request();
  request.set_volume_id(std::string(129, 'v'));
  EXPECT_CODE(service_.stage(request, call_), StatusCode::invalid_argument);
  request = stage_request();
  (*request.mutable_volume_context())["warm"] = std::string(4100, 'w');
  EXPECT_CODE(service_.stage(request, call_), StatusCode::invalid_argument);
  request = stage_request({{"akId", std::string(4100, 'w')}});
  EXPECT_CODE(service_.stage(request, call_), StatusCode::invalid_argument);
}

// ---- volumes that take long, or fail

TEST_F(node_service, a_volume_that_takes_long_is_answered_with_how_far_it_is) {
  agent_.bring_up = [](const auto& request, VolumeReport& report) {
    report.phase = VolumePhase::indexing;
    report.progress = {.objects = 1234567, .bytes = 1, .seconds = 12.7};
    std::this_thread::sleep_for(request.wait);  // tidy-ok: the agent waits as it was asked to
  };
  const auto answer = service_.stage(stage_request(), call_);
  EXPECT_CODE(answer, StatusCode::aborted);
  EXPECT_EQ(answer.error().message,
            "listing s3://b/p: 1,234,567 objects so far, 12 s; goes on in the background");
  // It goes on: nobody detached it.
  for (const std::string& note : agent_.notes()) EXPECT_NE(note, "detach v");
  agent_.bring_up = nullptr;
  EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::ok);
}

TEST_F(node_service, keys_are_handed_over_once_while_one_waits) {
  int asked = 0;
  agent_.bring_up = [&](const auto& request, VolumeReport& report) {
    report.phase = ++asked < 3 ? VolumePhase::mounting : VolumePhase::ready;
    std::this_thread::sleep_for(request.wait);  // tidy-ok: the agent waits as it was asked to
  };
  NodeService patient({.node_id = "n",
                       .stage_wait = std::chrono::seconds(10),
                       .wait_slice = std::chrono::milliseconds(20)},
                      agent_.door());
  EXPECT_CODE(patient.stage(stage_request(), call_), StatusCode::ok);
  EXPECT_EQ(agent_.notes(), (Notes{"attach v id", "attach v", "attach v"}));
}

TEST_F(node_service, an_agent_that_does_not_wait_is_not_asked_again_and_again) {
  agent_.bring_up = [](const auto&, VolumeReport& report) { report.phase = VolumePhase::indexing; };
  NodeService patient({.node_id = "n", .stage_wait = std::chrono::seconds(60)}, agent_.door());
  EXPECT_CODE(patient.stage(stage_request(), call_), StatusCode::aborted);
  EXPECT_EQ(agent_.notes().size(), 1u);
}

TEST_F(node_service, the_callers_deadline_counts_with_a_reserve) {
  agent_.bring_up = [](const auto&, VolumeReport& report) { report.phase = VolumePhase::indexing; };
  NodeService patient({.node_id = "n", .stage_wait = std::chrono::seconds(60)}, agent_.door());
  Call call = call_;
  call.deadline = system_clock().now() + std::chrono::seconds(6);
  EXPECT_CODE(patient.stage(stage_request(), call), StatusCode::aborted);
  EXPECT_LE(agent_.attached.back().wait, std::chrono::seconds(1));
  EXPECT_GT(agent_.attached.back().wait, std::chrono::milliseconds(500));
  call.deadline = system_clock().now() + std::chrono::seconds(1);
  EXPECT_CODE(patient.stage(stage_request(), call), StatusCode::aborted);
  EXPECT_EQ(agent_.attached.back().wait, std::chrono::milliseconds(0));
}

TEST_F(node_service, a_caller_who_gave_up_ends_the_waiting) {
  agent_.bring_up = [](const auto& request, VolumeReport& report) {
    report.phase = VolumePhase::indexing;
    std::this_thread::sleep_for(request.wait);  // tidy-ok: the agent waits as it was asked to
  };
  NodeService patient({.node_id = "n",
                       .stage_wait = std::chrono::seconds(60),
                       .wait_slice = std::chrono::milliseconds(20)},
                      agent_.door());
  Call call = call_;
  call.given_up = [] { return true; };
  EXPECT_CODE(patient.stage(stage_request(), call), StatusCode::aborted);
  EXPECT_EQ(agent_.notes().size(), 1u);
}

TEST_F(node_service, a_volume_that_failed_says_why_and_leaves_nothing_behind) {
  const std::vector<std::pair<ErrorCode, StatusCode>> codes{
      {ErrorCode::permission, StatusCode::permission_denied},
      {ErrorCode::not_found, StatusCode::not_found},
      {ErrorCode::unsupported, StatusCode::failed_precondition}};
  for (const auto& [error, code] : codes) {
    agent_.bring_up = [error = error](const auto&, VolumeReport& report) {
      report.phase = VolumePhase::failed;
      report.error = Error(error, "list page of s3://b/p: refused", "Check the keys.");
    };
    const auto answer = service_.stage(stage_request(), call_);
    EXPECT_CODE(answer, code);
    EXPECT_EQ(answer.error().message,
              "s3://b/p could not be mounted: list page of s3://b/p: refused. Check the keys.");
    EXPECT_EQ(agent_.notes(), (Notes{"attach v id", "detach v"}));
  }
}

TEST_F(node_service, a_volume_that_may_yet_come_is_not_taken_away) {
  agent_.bring_up = [](const auto&, VolumeReport& report) {
    report.phase = VolumePhase::failed;
    report.error = Error(ErrorCode::unavailable, "service is down");
  };
  EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::unavailable);
  EXPECT_EQ(agent_.notes(), Notes{"attach v id"});
}

TEST_F(node_service, an_agent_that_is_away_is_unavailable) {
  agent_.down = Error(ErrorCode::unavailable, "agent's socket: nobody listens", "Start it.");
  EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::unavailable);
  const auto answer = service_.publish(publish_request(), call_);
  EXPECT_CODE(answer, StatusCode::unavailable);
  EXPECT_EQ(answer.error().message, "agent's socket: nobody listens. Start it.");
  v1::NodeUnstageVolumeRequest unstage;
  unstage.set_volume_id("v");
  unstage.set_staging_target_path("/stage/v");
  EXPECT_CODE(service_.unstage(unstage, call_), StatusCode::unavailable);
}

TEST_F(node_service, a_second_call_for_a_volume_is_aborted_while_others_go_on) {
  std::mutex mutex;
  std::condition_variable changed;
  bool inside = false;
  bool may_go = false;
  agent_.on_attach = [&] {
    std::unique_lock lock(mutex);
    if (std::exchange(inside, true)) return;
    changed.notify_all();
    changed.wait_for(lock, std::chrono::seconds(10), [&] { return may_go; });
  };
  std::thread first([&] { EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::ok); });
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(10), [&] { return inside; }));
  }
  EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::aborted);
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::aborted);
  auto other = stage_request();
  other.set_volume_id("w");
  EXPECT_CODE(service_.stage(other, call_), StatusCode::ok);
  {
    const std::lock_guard lock(mutex);
    may_go = true;
  }
  changed.notify_all();
  first.join();
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
}

// ---- inline volumes

TEST_F(node_service, inline_volumes_need_no_stage_and_die_with_their_pod) {
  EXPECT_CODE(service_.publish(inline_request(), call_), StatusCode::ok);
  ASSERT_EQ(agent_.attached.size(), 1u);
  EXPECT_TRUE(agent_.attached[0].detach_with_last_target);
  EXPECT_FALSE(publish_request().volume_context().contains("csi.storage.k8s.io/ephemeral"));
  EXPECT_CODE(service_.publish(publish_request(kKeys, "/pods/9/mount"), call_), StatusCode::ok);
  EXPECT_FALSE(agent_.attached[1].detach_with_last_target);
}

TEST_F(node_service, the_access_mode_of_an_inline_volume_is_nobodys_choice) {
  auto request = inline_request();
  request.mutable_volume_capability()->mutable_access_mode()->set_mode(
      v1::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
  (*request.mutable_volume_context())["strictAccessMode"] = "true";
  EXPECT_CODE(service_.publish(request, call_), StatusCode::ok);
}

TEST_F(node_service, inline_volumes_do_not_get_the_nodes_keys) {
  EXPECT_CODE(service_.publish(inline_request({}), call_), StatusCode::unauthenticated);
  EXPECT_EQ(agent_.notes(), Notes{});
  auto open = inline_request({});
  (*open.mutable_volume_context())["authType"] = "public";
  EXPECT_CODE(service_.publish(open, call_), StatusCode::ok);
}

TEST_F(node_service, inline_volumes_that_cannot_be_shown_leave_nothing_behind) {
  agent_.publish_fails = Error(ErrorCode::precondition, "a file is in its place");
  EXPECT_CODE(service_.publish(inline_request(), call_), StatusCode::failed_precondition);
  EXPECT_TRUE(agent_.volumes.empty());
  // A staged volume is kubelet's to unstage.
  EXPECT_CODE(service_.publish(publish_request(kKeys), call_), StatusCode::failed_precondition);
  EXPECT_EQ(agent_.volumes.count("v"), 1u);
}

// ---- groups of pods

TEST_F(node_service, pods_of_other_groups_share_a_mount_everybody_may_read) {
  auto first = publish_request();
  first.mutable_volume_capability()->mutable_mount()->set_volume_mount_group("100");
  EXPECT_CODE(service_.publish(first, call_), StatusCode::ok);
  EXPECT_EQ(agent_.volumes.at("v").spec.gid, 100u);
  auto second = publish_request({}, "/pods/2/mount");
  second.mutable_volume_capability()->mutable_mount()->set_volume_mount_group("200");
  EXPECT_CODE(service_.publish(second, call_), StatusCode::ok);
  EXPECT_EQ(agent_.volumes.at("v").spec.gid, 100u);
}

TEST_F(node_service, pods_of_other_groups_are_refused_what_they_could_not_read) {
  const auto request = [](const char* group, const char* target) {
    auto publish = publish_request({}, target);
    (*publish.mutable_volume_context())["umask"] = "007";
    publish.mutable_volume_capability()->mutable_mount()->set_volume_mount_group(group);
    return publish;
  };
  EXPECT_CODE(service_.publish(request("100", "/pods/1/mount"), call_), StatusCode::ok);
  const auto answer = service_.publish(request("200", "/pods/2/mount"), call_);
  EXPECT_CODE(answer, StatusCode::failed_precondition);
  EXPECT_NE(answer.error().message.find("group 100"), std::string::npos);
}

TEST_F(node_service, pods_with_and_without_a_group_share_a_mount) {
  const auto request = [](const std::string& group, const char* target, const char* umask) {
    auto publish = publish_request({}, target);
    (*publish.mutable_volume_context())["umask"] = umask;
    publish.mutable_volume_capability()->mutable_mount()->set_volume_mount_group(group);
    return publish;
  };
  for (const char* umask : {"022", "077"}) {
    agent_.volumes.clear();
    EXPECT_CODE(service_.publish(request("100", "/pods/1/mount", umask), call_), StatusCode::ok);
    // Root, or nobody: it loses nothing by the other pod's group.
    EXPECT_CODE(service_.publish(request("", "/pods/2/mount", umask), call_), StatusCode::ok);
    EXPECT_EQ(agent_.volumes.at("v").spec.gid, 100u);
  }
  agent_.volumes.clear();
  EXPECT_CODE(service_.publish(request("", "/pods/2/mount", "022"), call_), StatusCode::ok);
  EXPECT_CODE(service_.publish(request("100", "/pods/1/mount", "022"), call_), StatusCode::ok);
  agent_.volumes.clear();
  EXPECT_CODE(service_.publish(request("", "/pods/2/mount", "077"), call_), StatusCode::ok);
  const auto answer = service_.publish(request("100", "/pods/1/mount", "077"), call_);
  EXPECT_CODE(answer, StatusCode::failed_precondition);
  EXPECT_NE(answer.error().message.find("Give the pods one fsGroup"), std::string::npos);
}

TEST_F(node_service, a_volume_with_a_group_of_its_own_is_the_same_to_all_pods) {
  const auto request = [](const std::string& group, const char* target) {
    auto publish = publish_request({}, target);
    (*publish.mutable_volume_context())["umask"] = "077";
    (*publish.mutable_volume_context())["gid"] = "7";
    publish.mutable_volume_capability()->mutable_mount()->set_volume_mount_group(group);
    return publish;
  };
  EXPECT_CODE(service_.publish(request("", "/pods/1/mount"), call_), StatusCode::ok);
  EXPECT_CODE(service_.publish(request("100", "/pods/2/mount"), call_), StatusCode::ok);
  EXPECT_EQ(agent_.volumes.at("v").spec.umask, "0077");
}

// ---- calls that come again when something has changed

TEST_F(node_service, a_volume_that_failed_without_keys_gets_those_that_come_later) {
  // The agent's contract: a volume keeps to the node's own keys until it is detached.
  agent_.bring_up = [&](const auto& request, VolumeReport& report) {
    report.phase = request.keys ? VolumePhase::ready : VolumePhase::failed;
    if (!request.keys) report.error = Error(ErrorCode::permission, "no keys");
  };
  agent_.refuses_later_keys = true;
  EXPECT_CODE(service_.stage(stage_request({}), call_), StatusCode::ok);
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::permission_denied);
  // kubelet does not stage again.
  EXPECT_CODE(service_.publish(publish_request(kKeys), call_), StatusCode::ok);
  EXPECT_EQ(agent_.keys.at("v"), "id");
}

TEST_F(node_service, a_volume_that_is_shown_is_never_replaced) {
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
  agent_.volumes.at("v").phase = VolumePhase::failed;
  auto other = publish_request({}, "/pods/2/mount");
  (*other.mutable_volume_context())["cacheSize"] = "1G";
  EXPECT_CODE(service_.publish(other, call_), StatusCode::already_exists);
  EXPECT_EQ(agent_.volumes.at("v").targets.size(), 1u);
}

TEST_F(node_service, a_repeated_publish_means_what_it_meant_to_an_older_driver) {
  EXPECT_CODE(service_.publish(publish_request(kKeys), call_), StatusCode::ok);
  // As if an older driver had read the same attributes otherwise.
  agent_.volumes.at("v").spec.cache_size = "77G";
  const StringMap rotated{{"akId", "id2"}, {"akSecret", "secret2"}};
  EXPECT_CODE(service_.publish(publish_request(rotated), call_), StatusCode::ok);
  EXPECT_EQ(agent_.keys.at("v"), "id2");
}

TEST_F(node_service, a_failure_that_cannot_be_undone_is_not_final) {
  agent_.bring_up = [](const auto&, VolumeReport& report) {
    report.phase = VolumePhase::failed;
    report.error = Error(ErrorCode::not_found, "no such bucket");
  };
  agent_.detach_fails = Error(ErrorCode::unavailable, "unmount v: it is busy");
  for (const bool is_inline : {false, true}) {
    const auto message = [&]() -> std::string {
      if (is_inline) {
        const auto answer = service_.publish(inline_request(), call_);
        EXPECT_CODE(answer, StatusCode::unavailable);
        return answer.error().message;
      }
      const auto answer = service_.stage(stage_request(), call_);
      EXPECT_CODE(answer, StatusCode::unavailable);
      return answer.error().message;
    }();
    EXPECT_NE(message.find("no such bucket"), std::string::npos) << message;
    EXPECT_NE(message.find("it is busy"), std::string::npos) << message;
  }
  agent_.detach_fails.reset();
  EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::not_found);
  EXPECT_TRUE(agent_.volumes.empty());
}

TEST_F(node_service, paths_are_given_to_the_agent_in_its_form) {
  auto request = publish_request(kKeys, "//pods/./1//mount/");
  request.set_staging_target_path("/stage//v/");
  EXPECT_CODE(service_.publish(request, call_), StatusCode::ok);
  EXPECT_EQ(agent_.volumes.at("v").targets.at(0).path.string(), "/pods/1/mount");
  EXPECT_EQ(agent_.volumes.at("v").staging_path.string(), "/stage/v");
  EXPECT_CODE(service_.publish(publish_request(kKeys), call_), StatusCode::ok);
  v1::NodeGetVolumeStatsRequest stats;
  stats.set_volume_id("v");
  stats.set_volume_path("/pods/1/mount/");
  EXPECT_CODE(service_.stats(stats, call_), StatusCode::ok);
  v1::NodeUnpublishVolumeRequest unpublish;
  unpublish.set_volume_id("v");
  unpublish.set_target_path("/pods/1/mount/");
  EXPECT_CODE(service_.unpublish(unpublish, call_), StatusCode::ok);
  EXPECT_TRUE(agent_.volumes.at("v").targets.empty());
}

// ---- questions

TEST_F(node_service, stats_are_what_the_agent_knows) {
  EXPECT_CODE(service_.stage(stage_request(), call_), StatusCode::ok);
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
  VolumeReport& report = agent_.volumes.at("v");
  report.files = 10;
  report.directories = 3;
  report.object_bytes = 4096;
  v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id("v");
  for (const char* path : {"/pods/1/mount", "/pods/1/./mount", "/stage/v"}) {
    request.set_volume_path(path);
    const auto stats = service_.stats(request, call_);
    EXPECT_CODE(stats, StatusCode::ok);
    ASSERT_EQ(stats->usage_size(), 2);
    EXPECT_EQ(stats->usage(0).unit(), v1::VolumeUsage::BYTES);
    EXPECT_EQ(stats->usage(0).total(), 4096);
    EXPECT_EQ(stats->usage(0).used(), 4096);
    EXPECT_EQ(stats->usage(0).available(), 0);
    EXPECT_EQ(stats->usage(1).unit(), v1::VolumeUsage::INODES);
    EXPECT_EQ(stats->usage(1).total(), 13);
    EXPECT_FALSE(stats->volume_condition().abnormal());
    EXPECT_FALSE(stats->volume_condition().message().empty());
  }
  report.abnormal = "the server does not answer: \xff";
  auto stats = service_.stats(request, call_);
  EXPECT_TRUE(stats->volume_condition().abnormal());
  EXPECT_EQ(stats->volume_condition().message(), "the server does not answer: ?");
  report.abnormal.clear();
  report.phase = VolumePhase::repairing;
  report.error = Error(ErrorCode::permission, "no keys yet");
  stats = service_.stats(request, call_);
  EXPECT_TRUE(stats->volume_condition().abnormal());
  EXPECT_EQ(stats->volume_condition().message(),
            "the mount of s3://b/p is being brought back: no keys yet");
}

TEST_F(node_service, stats_of_what_is_not_there_are_not_found) {
  v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id("v");
  request.set_volume_path("/pods/1/mount");
  EXPECT_CODE(service_.stats(request, call_), StatusCode::not_found);
  EXPECT_CODE(service_.publish(publish_request(), call_), StatusCode::ok);
  EXPECT_CODE(service_.stats(request, call_), StatusCode::ok);
  request.set_volume_path("/pods/2/mount");
  EXPECT_CODE(service_.stats(request, call_), StatusCode::not_found);
}

TEST_F(node_service, tells_what_it_can_do_and_where_it_is) {
  const auto info = service_.info({}, call_);
  EXPECT_EQ(info->node_id(), "node-7");
  EXPECT_EQ(info->max_volumes_per_node(), 30);
  std::set<int> types;
  const auto response = service_.capabilities({}, call_);
  for (const auto& capability : response->capabilities()) types.insert(capability.rpc().type());
  EXPECT_EQ(types, (std::set<int>{1, 2, 4, 5, 6}));
}

}  // namespace
}  // namespace shoal::csi
