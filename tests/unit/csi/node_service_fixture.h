// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csi/node_service.h"

#include <gtest/gtest.h>

#include "fake_agent.h"

namespace shoal::csi {

using agent::VolumePhase;
using agent::VolumeReport;
using Mode = v1::VolumeCapability::AccessMode;
using Notes = std::vector<std::string>;

inline v1::VolumeCapability reads(Mode::Mode mode = Mode::MULTI_NODE_READER_ONLY) {
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
inline const StringMap kKeys{{"akId", "id"}, {"akSecret", "secret"}};

inline v1::NodeStageVolumeRequest stage_request(const StringMap& secrets = kKeys) {
  v1::NodeStageVolumeRequest request;
  describe(request, secrets);
  return request;
}
inline v1::NodePublishVolumeRequest publish_request(const StringMap& secrets = {},
                                                    const std::string& target = "/pods/1/mount") {
  v1::NodePublishVolumeRequest request;
  describe(request, secrets);
  request.set_target_path(target);
  return request;
}
inline v1::NodePublishVolumeRequest inline_request(const StringMap& secrets = kKeys) {
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

}  // namespace shoal::csi
