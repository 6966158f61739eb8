// SPDX-License-Identifier: Apache-2.0
// Goal: a volume can be tried without a node, and no key is printed.
// Method: documents good and bad.
#include "csi/check_attributes.h"

#include <gtest/gtest.h>

namespace shoal::csi {
namespace {

TEST(check_attributes, shows_what_a_volume_would_be) {
  const auto answer =
      check_attributes(R"({"volumeAttributes": {"source": "s3://b/p", "umask": "022"},
    "secrets": {"akId": "HUSH", "akSecret": "HUSH"}, "mountOptions": ["ro", "nonempty"],
    "accessModes": ["ReadWriteMany"]})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, R"({
  "spec": {
    "source": "s3://b/p",
    "umask": "0022"
  },
  "keys": true,
  "inline": false,
  "warnings": [
    "mount option nonempty has no effect: the pod sees EROFS in the kernel, not FUSE",
    "access mode MULTI_NODE_MULTI_WRITER is taken as one for reading: the volume is read-only; write accessModes: [ReadOnlyMany]"
  ]
})");
}

TEST(check_attributes, refuses_as_a_call_would) {
  const auto code = [](const char* json) {
    const auto answer = check_attributes(json);
    if (!answer) {
      EXPECT_EQ(answer.error().message.find("HUSH"), std::string::npos);
    }
    return answer ? StatusCode::ok : answer.error().code;
  };
  EXPECT_EQ(code(R"({"volumeAttributes": {"source": "s3://b/p"}})"), StatusCode::ok);
  for (
      const char* json :
      {"", "[]", "7", "{}", R"({"volumeAttributes": 7})", R"({"volumeAttributes": {"source": 7}})",
       R"({"volumeAttributes": {"source": "s3://b/p"}, "secrets": {"akSecret": "HUSH"}})",
       R"({"secrets": "HUSH)", R"({"volumeAttributes": {"source": "s3://b/p"}, "accessModes": []})",
       R"({"volumeAttributes": {"source": "s3://b/p"}, "accessModes": ["Sometimes"]})",
       R"({"volumeAttributes": {"source": "s3://b/p", "strictAccessMode": "1"}, "accessModes": ["ReadWriteOnce"]})"})
    EXPECT_EQ(code(json), StatusCode::invalid_argument) << json;
  EXPECT_EQ(code(R"({"volumeAttributes":
                     {"source": "s3://b/p", "csi.storage.k8s.io/ephemeral": "true"}})"),
            StatusCode::unauthenticated);
}

}  // namespace
}  // namespace shoal::csi
