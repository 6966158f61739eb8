// SPDX-License-Identifier: Apache-2.0
// Goal: the small parts of the driver keep their contracts: endpoints, fingerprints, counts, checks
// of fields, turns. Method: values in, values out; sockets in a directory of the test.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "csi/endpoint.h"
#include "csi/fingerprint.h"
#include "csi/metrics.h"
#include "csi/request_checks.h"
#include "csi/rpc_log.h"
#include "csi/volumes_in_flight.h"
#include "sys/file.h"
#include "unit/sys/temporary_directory.h"

namespace shoal::csi {
namespace {

TEST(endpoint, is_taken_in_every_form_in_use) {
  for (const char* text : {"unix:///csi/csi.sock", "unix:/csi/csi.sock", "unix://csi/csi.sock",
                           "/csi/csi.sock", "unix:////csi/./csi.sock"})
    EXPECT_EQ(parse_endpoint(text).value_or("bad"), "/csi/csi.sock") << text;
}

TEST(endpoint, that_cannot_be_served_is_refused) {
  for (const std::string& text :
       {std::string(), std::string("unix:"), std::string("unix:csi.sock"), std::string("csi.sock"),
        std::string("tcp://127.0.0.1:1"), std::string("unix:///csi/socket"),
        std::string("unix:///csi/.sock"), std::string("unix:///c%73i/csi.sock"),
        std::string("unix:///csi/csi?.sock"), std::string("unix:///csi/#1.sock"),
        "unix:///" + std::string(110, 'x') + ".sock"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code(), ErrorCode::bad_input);
  }
}

TEST(endpoint, needs_a_directory_and_nobody_in_its_place) {
  const testing::TemporaryDirectory directory;
  const auto socket = directory.path() / "csi.sock";
  EXPECT_TRUE(check_can_listen(socket));
  EXPECT_EQ(check_can_listen(directory.path() / "gone" / "csi.sock").error().code(),
            ErrorCode::not_found);
  std::ofstream(directory.path() / "file.sock") << "x";
  EXPECT_EQ(check_can_listen(directory.path() / "file.sock").error().code(),
            ErrorCode::precondition);

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, socket.c_str());
  {
    const sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(fd.get(), 1), 0);
    EXPECT_EQ(check_can_listen(socket).error().code(), ErrorCode::precondition);
  }
  // Its owner died: the file is still there, and may be replaced.
  ASSERT_TRUE(std::filesystem::exists(socket));
  EXPECT_TRUE(check_can_listen(socket));
}

Capability reader() {
  Capability capability;
  capability.mode = "MULTI_NODE_READER_ONLY";
  return capability;
}

TEST(fingerprints, are_the_same_for_the_same_arguments_in_every_build) {
  const StringMap context{{"bucket", "b"}, {"path", "/p"}};
  EXPECT_EQ(fingerprint(reader(), true, context),
            "readonly=true access_mode=MULTI_NODE_READER_ONLY mount=3ce950de2d694330 "
            "volume_context=09812c2b976447e5");
}

TEST(fingerprints, leave_out_what_differs_between_calls_that_mean_the_same) {
  const StringMap context{{"bucket", "b"}};
  StringMap later = context;
  later["csi.storage.k8s.io/pod.name"] = "p";
  later["csi.storage.k8s.io/serviceAccount.tokens"] = "new";
  later["akSecret"] = "rotated";
  EXPECT_EQ(fingerprint(reader(), true, context), fingerprint(reader(), true, later));
}

TEST(fingerprints, tell_what_differs) {
  const StringMap context{{"ab", "c"}};
  const std::string before = fingerprint(reader(), true, context);
  EXPECT_EQ(difference(before, fingerprint(reader(), false, context)), "readonly");
  EXPECT_EQ(difference(before, fingerprint(reader(), true, {{"a", "bc"}})), "volume_context");
  Capability other = reader();
  other.mode = "SINGLE_NODE_WRITER";
  EXPECT_EQ(difference(before, fingerprint(other, false, context)), "readonly, access_mode");
  other = reader();
  other.mount_flags = {"ro"};
  EXPECT_EQ(difference(before, fingerprint(other, true, context)), "mount");
  EXPECT_EQ(difference(before, before), "");
  EXPECT_EQ(difference("", before), "readonly, access_mode, mount, volume_context");
}

TEST(checks, of_fields) {
  EXPECT_TRUE(check_text("volume_id", std::string(128, 'x')));
  EXPECT_EQ(check_text("volume_id", "").error().message, "volume_id is missing");
  EXPECT_NE(check_text("volume_id", std::string(129, 'x')).error().message.find("129"),
            std::string::npos);
  EXPECT_FALSE(check_text("volume_id", "a\nb"));
  EXPECT_TRUE(check_path("target_path", "/a/..b/c"));
  for (const char* path : {"", "a/b", "/a/../b", "/..", "./a"})
    EXPECT_FALSE(check_path("target_path", path)) << path;
  EXPECT_FALSE(check_path("target_path", std::string("/a\0b", 4)));
  EXPECT_FALSE(check_path("target_path", "/" + std::string(5000, 'x')));
  EXPECT_TRUE(check_map("secrets", {{"a", std::string(4095, 'x')}}));
  EXPECT_FALSE(check_map("secrets", {{"a", std::string(4096, 'x')}}));
  EXPECT_TRUE(check_map("volume_context",
                        {{"csi.storage.k8s.io/serviceAccount.tokens", std::string(9000, 'x')}}));
}

TEST(turns, are_one_at_a_time_for_each_volume) {
  VolumesInFlight volumes;
  auto first = volumes.begin("a");
  ASSERT_TRUE(first);
  EXPECT_FALSE(volumes.begin("a"));
  EXPECT_TRUE(volumes.begin("b"));
  first.reset();
  EXPECT_TRUE(volumes.begin("a"));
}

TEST(request_ids, differ_within_and_between_processes) {
  RequestIds one;
  RequestIds other;
  EXPECT_NE(one.next(), one.next());
  EXPECT_NE(one.next(), other.next());
}

TEST(metrics, have_every_call_from_the_start) {
  RpcMetrics metrics("1.2.3");
  const std::string text = metrics.text();
  for (const std::string_view rpc : kRpcs)
    EXPECT_NE(text.find("shoal_csi_requests_total{rpc=\"" + std::string(rpc) + "\",code=\"OK\"} 0"),
              std::string::npos)
        << rpc;
  EXPECT_NE(text.find("shoal_csi_build_info{version=\"1.2.3\"} 1"), std::string::npos);
}

TEST(metrics, count_by_code_and_time) {
  RpcMetrics metrics("1");
  metrics.record("Probe", StatusCode::ok, std::chrono::milliseconds(2));
  metrics.record("NodeStageVolume", StatusCode::aborted, std::chrono::seconds(61));
  metrics.record("nobody_knows_this", StatusCode::ok, std::chrono::seconds(1));
  const std::string text = metrics.text();
  for (const char* line :
       {"shoal_csi_requests_total{rpc=\"Probe\",code=\"OK\"} 1",
        "shoal_csi_requests_total{rpc=\"NodeStageVolume\",code=\"ABORTED\"} 1",
        "shoal_csi_request_duration_seconds_bucket{rpc=\"Probe\",le=\"0.001\"} 0",
        "shoal_csi_request_duration_seconds_bucket{rpc=\"Probe\",le=\"0.005\"} 1",
        "shoal_csi_request_duration_seconds_bucket{rpc=\"NodeStageVolume\",le=\"60\"} 0",
        "shoal_csi_request_duration_seconds_bucket{rpc=\"NodeStageVolume\",le=\"120\"} 1",
        "shoal_csi_request_duration_seconds_count{rpc=\"NodeStageVolume\"} 1"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  EXPECT_EQ(text.find("nobody_knows_this"), std::string::npos);
}

}  // namespace
}  // namespace shoal::csi
