// SPDX-License-Identifier: Apache-2.0
// Goal: the Node service answers rightly while a volume is on its way, when it failed, and when a
// call comes again after something has changed; it never waits beyond its caller.
// Method: an agent in memory whose volumes take as long, and fail as, a case says.
#include <condition_variable>
#include <thread>

#include "node_service_fixture.h"

namespace shoal::csi {
namespace {

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

}  // namespace
}  // namespace shoal::csi
