// SPDX-License-Identifier: Apache-2.0
// Goal: one exposition for all volumes of a node, whatever the servers do: answer, hang, lie, or
// not be there. Method: servers on real sockets that do each of it.
#include "agent/server_metrics.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <sstream>

#include "agent/limits.h"
#include "control/http_server.h"

namespace shoal::agent {
namespace {

class ServerMetricsTest : public testing::Test {
 protected:
  ServerMetricsTest() {
    char name[] = "/tmp/shoal-metrics-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~ServerMetricsTest() override {
    servers_.clear();
    for (const int fd : silent_) close(fd);
    std::filesystem::remove_all(directory_);
  }
  void add_volume(const std::string& id, VolumePhase phase) {
    VolumeReport report;
    report.id = id;
    report.phase = phase;
    volumes_.push_back(std::move(report));
  }
  std::filesystem::path add_server(std::vector<std::string> volumes) {
    const auto socket = directory_ / (volumes.front() + ".sock");
    for (const std::string& id : volumes) add_volume(id, VolumePhase::ready);
    asked_.push_back({std::move(volumes), socket});
    return socket;
  }
  void answer(const std::filesystem::path& socket, const std::string& text) {
    auto server =
        control::HttpServer::on_socket(socket, {}, [text](const control::HttpQuestion& question) {
          EXPECT_EQ(question.path, "/metrics");
          return control::HttpAnswer{.status = 200, .body = text, .content_type = "text/plain"};
        });
    ASSERT_TRUE(server) << server.error().to_string();
    servers_.push_back(std::move(*server));
  }
  // Takes connections and says nothing.
  void hang(const std::filesystem::path& socket) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(fd, 64), 0);
    silent_.push_back(fd);
  }
  [[nodiscard]] std::string exposition() const {
    const ServerMetrics servers = ask_servers(asked_);
    MetricsText own;
    own.family("build_info", MetricKind::gauge, "Version");
    own.sample({{"version", "0.1.0"}}, std::uint64_t{1});
    add_volume_metrics(own, volumes_, servers);
    return whole_exposition(own.take(), servers);
  }
  static bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
  }

  std::filesystem::path directory_;
  std::vector<VolumeReport> volumes_;
  std::vector<MountServer> asked_;
  std::vector<std::unique_ptr<control::HttpServer>> servers_;
  std::vector<int> silent_;
};

const std::string kServer =
    "# HELP shoal_build_info Version\n# TYPE shoal_build_info gauge\n"
    "shoal_build_info{version=\"0.1.0\"} 1\n"
    "# HELP shoal_volume_reads_total Reads\n# TYPE shoal_volume_reads_total counter\n"
    "shoal_volume_reads_total 7\n";

TEST_F(ServerMetricsTest, servers_are_told_apart_by_their_volume) {
  answer(add_server({"b"}), kServer);
  answer(add_server({"a", "shares-a"}), kServer);
  const std::string text = exposition();
  for (const char* line :
       {"shoal_build_info{version=\"0.1.0\"} 1",
        "shoal_build_info{volume=\"a\",version=\"0.1.0\"} 1",
        "shoal_volume_reads_total{volume=\"b\"} 7", "shoal_volume_reads_total{volume=\"a\"} 7",
        "shoal_volume_up{volume=\"a\"} 1", "shoal_volume_up{volume=\"shares-a\"} 1",
        "shoal_volume_targets{volume=\"a\"} 0"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  EXPECT_EQ(text.find("reads_total{volume=\"shares-a\""), std::string::npos)
      << "a sum over volumes counts a mount once";
  std::map<std::string, int> described;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("# ")) ++described[line.substr(0, line.find(' ', 7))];
  for (const auto& [name, times] : described) EXPECT_EQ(times, 1) << name;
}

TEST_F(ServerMetricsTest, a_server_that_hangs_lies_or_is_gone_is_down_and_stops_nobody) {
  answer(add_server({"well"}), kServer);
  hang(add_server({"hangs"}));
  answer(add_server({"lies"}), "<html>not metrics</html>\n");
  add_server({"gone"});
  add_volume("failed", VolumePhase::failed);
  add_volume("new", VolumePhase::indexing);
  volumes_.back().progress.objects = 12;
  volumes_.front().abnormal = "read errors";
  const auto started = std::chrono::steady_clock::now();
  const std::string text = exposition();
  EXPECT_LT(std::chrono::steady_clock::now() - started, limits::kMetricsTimeMax);
  for (const char* line :
       {"shoal_volume_up{volume=\"well\"} 1", "shoal_volume_up{volume=\"hangs\"} 0",
        "shoal_volume_up{volume=\"lies\"} 0", "shoal_volume_up{volume=\"gone\"} 0",
        "shoal_volume_up{volume=\"failed\"} 0", "shoal_volume_reads_total{volume=\"well\"} 7",
        "shoal_volume_abnormal{volume=\"well\"} 1", "shoal_volume_abnormal{volume=\"gone\"} 0",
        "shoal_volume_indexing_objects{volume=\"new\"} 12", "shoal_agent_servers_not_asked 0"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  EXPECT_EQ(text.find("shoal_volume_up{volume=\"new\"}"), std::string::npos)
      << "what is being indexed is not down";
}

TEST_F(ServerMetricsTest, a_node_full_of_hanging_servers_still_answers_in_time) {
  constexpr std::size_t kServers = 150;
  for (std::size_t i = 0; i < kServers; ++i) hang(add_server({"v" + std::to_string(i)}));
  const auto started = std::chrono::steady_clock::now();
  const std::string text = exposition();
  // Those asked last may take their patience beyond the bound, for connecting and for the answer.
  EXPECT_LT(std::chrono::steady_clock::now() - started,
            limits::kMetricsTimeMax + 2 * limits::kMetricsPatience + std::chrono::seconds(1));
  EXPECT_FALSE(has_line(text, "shoal_agent_servers_not_asked 0")) << text.substr(0, 2000);
  EXPECT_TRUE(has_line(text, "shoal_volume_up{volume=\"v0\"} 0"));
}

}  // namespace
}  // namespace shoal::agent
