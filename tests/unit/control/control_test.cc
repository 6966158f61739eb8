// SPDX-License-Identifier: Apache-2.0
// Goal: what a server reports arrives unchanged, and no foreign document passes for a status.
// Method: encode, decode and a real unix socket.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "control/client.h"
#include "control/server.h"
#include "control/status.h"
#include "control/status_fields.h"

namespace shoal::control {
namespace {

Status sample() {
  Status status;
  status.volume.url = "s3://b/\"quoted\"\n";
  status.volume.endpoint = "http://127.0.0.1:9";
  status.volume.directory = "/v";
  status.volume.files = 7;
  status.volume.listed_at = 1700000000;
  std::uint64_t value = 1000;
  for (const StatsField& field : kStatsFields) status.stats.*field.member = value++;
  status.recent_errors = {"GET k: replaced", "bytes \xff not UTF-8"};
  status.frontend.kind = "fuse";
  return status;
}

TEST(StatusJson, carries_every_number) {
  const Status before = sample();
  const auto after = decode_status(encode_status(before));
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(after->volume.url, before.volume.url);
  EXPECT_EQ(after->volume.files, 7u);
  EXPECT_EQ(after->volume.listed_at, 1700000000);
  EXPECT_EQ(after->frontend.kind, "fuse");
  for (const StatsField& field : kStatsFields)
    EXPECT_EQ(after->stats.*field.member, before.stats.*field.member) << field.name;
  EXPECT_EQ(after->recent_errors.front(), "GET k: replaced");
}

TEST(StatusJson, refuses_what_is_no_status) {
  for (const char* text : {"", "{}", "[1,2]", "nonsense", "{\"server_pid\":\"x\"}",
                           "{\"version\":\"1\",\"server_pid\":1,\"uptime_seconds\":1,"
                           "\"recent_errors\":[],\"frontend\":3}"}) {
    const auto decoded = decode_status(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code(), ErrorCode::corrupt);
  }
}

TEST(StatusPrometheus, names_counters_as_totals_and_escapes_labels) {
  const std::string text = prometheus_text(sample());
  EXPECT_NE(text.find("shoal_gets_total{dataset=\"s3://b/\\\"quoted\\\"\\n\"} "), std::string::npos)
      << text;
  EXPECT_NE(text.find("# TYPE shoal_cache_bytes gauge"), std::string::npos);
}

class ControlSocket : public testing::Test {
 protected:
  ControlSocket() {
    char name[] = "/tmp/shoal-control-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~ControlSocket() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(ControlSocket, answers_its_owner_and_replaces_a_dead_servers_socket) {
  const auto socket = directory_ / "control.sock";
  ASSERT_FALSE(get_status(socket, std::chrono::seconds(1)));
  for (int round = 0; round < 2; ++round) {
    auto server = Server::start(socket, sample);
    ASSERT_TRUE(server) << server.error().to_string();
    struct stat mode {};
    ASSERT_EQ(stat(socket.c_str(), &mode), 0);
    EXPECT_EQ(mode.st_mode & 0777, 0600u);
    const auto status = get_status(socket, std::chrono::seconds(20));
    ASSERT_TRUE(status) << status.error().to_string();
    EXPECT_EQ(status->server_pid, static_cast<std::uint64_t>(getpid()));
    server->reset();
    EXPECT_FALSE(std::filesystem::exists(socket));
  }
}

TEST_F(ControlSocket, refuses_a_path_no_socket_can_have) {
  const auto server = Server::start(directory_ / std::string(120, 'x'), sample);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), ErrorCode::bad_input);
}

}  // namespace
}  // namespace shoal::control
