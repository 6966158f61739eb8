// SPDX-License-Identifier: Apache-2.0
// Goal: a StorageClass makes volumes that a node can mount, or is refused at once; nothing else
// happens. Method: the calls of the external provisioner, repeated and wrong; the probe of a
// driver.
#include "csi/controller_service.h"

#include <gtest/gtest.h>

#include "csi/identity_service.h"
#include "csi/limits.h"
#include "csi/request_checks.h"
#include "fake_agent.h"

namespace shoal::csi {
namespace {

using Mode = v1::VolumeCapability::AccessMode;

v1::CreateVolumeRequest create_request(const std::string& name = "pvc-1") {
  v1::CreateVolumeRequest request;
  request.set_name(name);
  request.mutable_capacity_range()->set_required_bytes(10);
  auto& capability = *request.add_volume_capabilities();
  capability.mutable_mount();
  capability.mutable_access_mode()->set_mode(Mode::MULTI_NODE_READER_ONLY);
  auto& parameters = *request.mutable_parameters();
  parameters["bucket"] = "b";
  parameters["url"] = "oss-cn-beijing.aliyuncs.com";
  parameters["csi.storage.k8s.io/pvc/name"] = "claim";
  return request;
}

class controller : public testing::Test {
 protected:
  StatusCode create(const v1::CreateVolumeRequest& request) {
    const auto answer = service_.create(request, call_);
    return answer ? StatusCode::ok : answer.error().code;
  }
  ControllerService service_;
  Call call_{.request_id = "r1"};
};

TEST_F(controller, hands_the_parameters_on) {
  const auto made = service_.create(create_request(), call_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->volume().volume_id(), "pvc-1");
  EXPECT_EQ(made->volume().capacity_bytes(), 10);
  const auto& context = made->volume().volume_context();
  EXPECT_EQ(context.size(), 2u);
  EXPECT_EQ(context.at("bucket"), "b");
  EXPECT_EQ(context.at("url"), "oss-cn-beijing.aliyuncs.com");
}

TEST_F(controller, makes_the_same_volume_again_and_no_other_of_its_name) {
  EXPECT_EQ(create(create_request()), StatusCode::ok);
  EXPECT_EQ(create(create_request()), StatusCode::ok);
  auto other = create_request();
  (*other.mutable_parameters())["path"] = "/other";
  EXPECT_EQ(create(other), StatusCode::already_exists);
  other = create_request();
  other.mutable_capacity_range()->set_required_bytes(11);
  EXPECT_EQ(create(other), StatusCode::already_exists);
  v1::DeleteVolumeRequest remove;
  remove.set_volume_id("pvc-1");
  EXPECT_TRUE(service_.remove(remove, call_));
  EXPECT_TRUE(service_.remove(remove, call_));
  EXPECT_EQ(create(other), StatusCode::ok);
}

TEST_F(controller, refuses_what_no_node_could_mount) {
  auto request = create_request("");
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  request = create_request();
  request.clear_volume_capabilities();
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  request = create_request();
  request.mutable_volume_capabilities(0)->mutable_block();
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  request = create_request();
  request.mutable_parameters()->erase("bucket");
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  request = create_request();
  (*request.mutable_parameters())["umask"] = "9";
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  request = create_request();
  request.mutable_volume_content_source();
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  request = create_request();
  (*request.mutable_mutable_parameters())["iops"] = "9";
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  request = create_request();
  request.mutable_capacity_range()->set_limit_bytes(5);
  EXPECT_EQ(create(request), StatusCode::out_of_range);
  request = create_request();
  request.mutable_capacity_range()->set_required_bytes(-1);
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  request = create_request();
  (*request.mutable_parameters())["strictAccessMode"] = "true";
  request.mutable_volume_capabilities(0)->mutable_access_mode()->set_mode(
      Mode::MULTI_NODE_MULTI_WRITER);
  EXPECT_EQ(create(request), StatusCode::invalid_argument);
  // A refusal is not remembered.
  EXPECT_EQ(create(create_request()), StatusCode::ok);
}

TEST_F(controller, never_writes_keys_into_a_volume) {
  auto request = create_request();
  (*request.mutable_parameters())["AkSecret"] = "HUSH";
  const auto answer = service_.create(request, call_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, StatusCode::invalid_argument);
  EXPECT_EQ(answer.error().message.find("HUSH"), std::string::npos);
}

TEST_F(controller, gives_long_names_ids_that_fit_and_differ) {
  const std::string name(200, 'n');
  const auto one = service_.create(create_request(name + "1"), call_);
  const auto two = service_.create(create_request(name + "2"), call_);
  ASSERT_TRUE(one && two);
  EXPECT_LE(one->volume().volume_id().size(), 128u);
  EXPECT_NE(one->volume().volume_id(), two->volume().volume_id());
  v1::DeleteVolumeRequest remove;
  remove.set_volume_id(one->volume().volume_id());
  EXPECT_TRUE(service_.remove(remove, call_));
}

TEST_F(controller, gives_odd_names_ids_that_a_node_takes) {
  for (const char* name : {"daten für heute", "数据", "a\tb", "a\nb", "a b c", "\"'$(id)"}) {
    const auto made = service_.create(create_request(name), call_);
    ASSERT_TRUE(made) << name << ": " << made.error().message;
    EXPECT_TRUE(check_text("volume_id", made->volume().volume_id())) << name;
  }
  for (const std::string& name : {std::string("a\0b", 3), std::string("a\x01"), std::string("a\x7f"),
                                 std::string("a\xc2\x85")}) {
    const auto made = service_.create(create_request(name), call_);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, StatusCode::invalid_argument);
    EXPECT_NE(made.error().message.find("name"), std::string::npos);
  }
}

TEST_F(controller, remembers_a_bounded_number_of_names) {
  for (std::size_t i = 0; i <= limits::kNamesKept; ++i)
    ASSERT_EQ(create(create_request("pvc-" + std::to_string(i))), StatusCode::ok);
  auto first = create_request("pvc-0");
  (*first.mutable_parameters())["path"] = "/other";
  EXPECT_EQ(create(first), StatusCode::ok);
  auto last = create_request("pvc-" + std::to_string(limits::kNamesKept));
  (*last.mutable_parameters())["path"] = "/other";
  EXPECT_EQ(create(last), StatusCode::already_exists);
}

TEST_F(controller, validates_by_the_volumes_attributes) {
  v1::ValidateVolumeCapabilitiesRequest request;
  const auto code = [&] {
    const auto answer = service_.validate(request, call_);
    return answer ? StatusCode::ok : answer.error().code;
  };
  EXPECT_EQ(code(), StatusCode::invalid_argument);
  request.set_volume_id("pvc-1");
  EXPECT_EQ(code(), StatusCode::invalid_argument);
  *request.mutable_volume_capabilities() = create_request().volume_capabilities();
  EXPECT_EQ(code(), StatusCode::not_found);
  (*request.mutable_volume_context())["bucket"] = "b";
  auto answer = service_.validate(request, call_);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has_confirmed());
  EXPECT_EQ(answer->confirmed().volume_capabilities_size(), 1);
  request.mutable_volume_capabilities(0)->mutable_block();
  answer = service_.validate(request, call_);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->has_confirmed());
  EXPECT_NE(answer->message().find("block"), std::string::npos);
}

TEST_F(controller, delete_without_an_id_is_refused) {
  EXPECT_EQ(service_.remove({}, call_).error().code, StatusCode::invalid_argument);
}

TEST(identity, says_who_it_is_and_what_it_serves) {
  IdentityService node({.driver_name = "csi.shoal.dev", .version = "1.2.3"}, {});
  const Call call;
  EXPECT_EQ(node.info({}, call)->name(), "csi.shoal.dev");
  EXPECT_EQ(node.info({}, call)->vendor_version(), "1.2.3");
  EXPECT_EQ(node.capabilities({}, call)->capabilities_size(), 0);
  IdentityService all({.driver_name = "d", .version = "1", .has_controller = true}, {});
  ASSERT_EQ(all.capabilities({}, call)->capabilities_size(), 1);
  EXPECT_EQ(all.capabilities({}, call)->capabilities(0).service().type(), 1);
}

TEST(identity, is_ready_while_the_agent_answers) {
  FakeAgent agent;
  IdentityService service({.driver_name = "d", .version = "1"}, agent.door());
  const Call call;
  EXPECT_TRUE(service.probe({}, call)->ready().value());
  for (const ErrorCode code : {ErrorCode::unavailable, ErrorCode::timeout, ErrorCode::io}) {
    agent.down = Error(code, "away");
    ASSERT_TRUE(service.probe({}, call)) << name_of(code);
    EXPECT_FALSE(service.probe({}, call)->ready().value());
  }
  for (const ErrorCode code : {ErrorCode::permission, ErrorCode::corrupt, ErrorCode::bad_input}) {
    agent.down = Error(code, "not the agent", "Check --agent-socket.");
    ASSERT_FALSE(service.probe({}, call)) << name_of(code);
    EXPECT_EQ(service.probe({}, call).error().code, StatusCode::failed_precondition);
  }
  // A controller needs no agent.
  IdentityService controller({.driver_name = "d", .version = "1", .has_controller = true}, {});
  EXPECT_TRUE(controller.probe({}, call)->ready().value());
}

}  // namespace
}  // namespace shoal::csi
