// SPDX-License-Identifier: Apache-2.0
// Goal: the Node service keeps the CSI specification and kubelet's habits: keys by stage or
// publish, repeated calls, missing fields, inline volumes, groups of pods, nothing left behind.
// Method: an agent in memory that keeps its contract strictly; every case is a call or two.
#include "node_service_fixture.h"

namespace shoal::csi {
namespace {

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
