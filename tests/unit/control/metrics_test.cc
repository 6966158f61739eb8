// SPDX-License-Identifier: Apache-2.0
// Goal: a server exposes every number it has once, under a name and labels that hold for ever, with
// no label that a user's data could swell; several servers' texts become one that is well formed.
// Method: a status in which every number differs; texts compared; a real TCP port.
#include "control/metrics.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <set>
#include <sstream>

#include "control/exposition.h"
#include "control/metrics_endpoint.h"
#include "control/status_fields.h"

namespace shoal::control {
namespace {

Status sample() {
  Status status;
  status.version = "0.1.0";
  status.volume.url = "s3://secret-name/of/a/customer";
  status.volume.listed_at = 1767323045;
  std::uint64_t value = 1000;
  for (const StatsField& field : kStatsFields) status.stats.*field.member = value++;
  for (const PrefetchField& field : kPrefetchFields) status.prefetch.*field.member = value++;
  for (const char* name : {"walk", "known-order"})
    status.prefetch.policies.push_back({.name = name, .state = "on", .used_bytes = value++});
  status.recent_errors = {"get s3://secret-name/key: gone"};
  status.frontend.read_durations.counts[3] = 4;
  status.frontend.read_durations.seconds = 0.0035;
  status.bucket.ops.push_back({.name = "get", .by_code = {7, 0, 1, 2, 0, 3}});
  status.bucket.retries[0] = 5;
  status.server_restarts = 6;
  return status;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(ServerMetrics, every_number_is_there_once_with_help_and_type) {
  const Status status = sample();
  const std::string text = server_metrics(status);
  for (const StatsField& field : kStatsFields) {
    if (field.metric.empty()) continue;
    EXPECT_TRUE(has_line(text, "shoal_" + std::string(field.metric) + " " +
                                   std::to_string(status.stats.*field.member)))
        << field.metric;
  }
  for (const char* line : {"shoal_build_info{version=\"0.1.0\"} 1", "shoal_server_restarts_total 6",
                           "shoal_index_listed_timestamp_seconds 1767323045",
                           "shoal_objstore_requests_total{op=\"get\",code=\"2xx\"} 7",
                           "shoal_objstore_requests_total{op=\"get\",code=\"given_up\"} 3",
                           "shoal_objstore_retries_total{reason=\"throttled\"} 5",
                           "shoal_frontend_read_duration_seconds_bucket{le=\"0.001\"} 4",
                           "shoal_frontend_read_duration_seconds_bucket{le=\"+Inf\"} 4",
                           "shoal_objstore_request_duration_seconds_count{op=\"get\"} 0"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  std::istringstream lines(text);
  std::set<std::string> described;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    EXPECT_TRUE(described.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_virtual_memory_bytes", "process_start_time_seconds",
                           "process_open_fds", "process_max_fds"})
    EXPECT_TRUE(described.contains("# TYPE " + std::string(name))) << name;
}

TEST(ServerMetrics, nothing_of_the_dataset_is_in_a_label) {
  EXPECT_EQ(server_metrics(sample()).find("secret-name"), std::string::npos);
}

TEST(ServerMetrics, an_end_of_keys_that_nobody_knows_is_left_out) {
  Status status = sample();
  EXPECT_EQ(server_metrics(status).find("credentials_expiry"), std::string::npos);
  status.bucket.keys_expire_at = 1767323045;
  EXPECT_TRUE(
      has_line(server_metrics(status), "shoal_credentials_expiry_timestamp_seconds 1767323045"));
}

TEST(MergedExposition, each_family_is_described_once_and_each_sample_says_whose_it_is) {
  MergedExposition merged;
  ASSERT_TRUE(merged.add("# HELP up Alive\n# TYPE up gauge\nup 1\n"));
  for (const char* volume : {"a", "b\"\\\n"})
    ASSERT_TRUE(
        merged.add("# HELP up Alive\n# TYPE up gauge\nup 2\n"
                   "# HELP n_total N\n# TYPE n_total counter\nn_total{op=\"x\"} 3\n",
                   "volume", volume));
  EXPECT_EQ(merged.text(),
            "# HELP up Alive\n# TYPE up gauge\nup 1\nup{volume=\"a\"} 2\n"
            "up{volume=\"b\\\"\\\\\\n\"} 2\n"
            "# HELP n_total N\n# TYPE n_total counter\nn_total{volume=\"a\",op=\"x\"} 3\n"
            "n_total{volume=\"b\\\"\\\\\\n\",op=\"x\"} 3\n");
}

TEST(MergedExposition, whole_servers_merge_and_what_is_none_is_refused_whole) {
  MergedExposition merged;
  ASSERT_TRUE(merged.add(server_metrics(sample()), "volume", "a"));
  ASSERT_TRUE(merged.add(server_metrics(sample()), "volume", "b"));
  const std::string before = merged.text();
  EXPECT_NE(before.find("shoal_frontend_read_duration_seconds_bucket{volume=\"b\",le=\"0.001\"} 4"),
            std::string::npos);
  for (const char* text :
       {"x", "x\n", "x 1\n", "# TYPE x gauge\nx 1\n", "# HELP x X\nx 1\n",
        "# HELP x X\n# TYPE x gauge\ny 1\n", "# HELP x X\n# TYPE y gauge\n",
        "# HELP x X\n# TYPE x gauge\nx\n",
        "# HELP fresh F\n# TYPE fresh gauge\nfresh 1\n"
        "# HELP shoal_build_info B\n# TYPE shoal_build_info counter\nshoal_build_info 1\n"}) {
    const auto added = merged.add(text, "volume", "c");
    ASSERT_FALSE(added) << text;
    EXPECT_EQ(added.error().code(), ErrorCode::corrupt);
    EXPECT_EQ(merged.text(), before) << text;
  }
}

TEST(TcpAddress, a_port_alone_stays_on_this_machine) {
  const std::map<std::string, std::string> good{{"9464", "127.0.0.1:9464"},
                                                {":9464", "127.0.0.1:9464"},
                                                {"0.0.0.0:1", "0.0.0.0:1"},
                                                {"localhost:80", "localhost:80"},
                                                {"[::1]:65535", "[::1]:65535"}};
  for (const auto& [text, expected] : good) EXPECT_EQ(parse_tcp_address(text)->text(), expected);
  for (const char* bad : {"", ":", "x", "127.0.0.1", "h:65536", "h:-1", "h:1x", "::1:80", "a/b:1",
                          "http://h:1", "[::1]", "[::1]80"})
    EXPECT_EQ(parse_tcp_address(bad).error().code(), ErrorCode::bad_input) << bad;
}

std::string ask(const TcpAddress& where, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(where.port);
  inet_pton(AF_INET, where.host.c_str(), &address.sin_addr);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string text = request + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) > 0) {
      char buffer[4096];
      for (ssize_t bytes; (bytes = recv(fd, buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(bytes));
    }
  }
  close(fd);
  return answer;
}

TEST(MetricsEndpoint, answers_metrics_and_health_and_no_command) {
  Result<void> health;
  const auto endpoint = MetricsEndpoint::start(
      "127.0.0.1:0", [] { return std::string("x 1\n"); }, [&] { return health; });
  ASSERT_TRUE(endpoint) << endpoint.error().to_string();
  const TcpAddress address = (*endpoint)->address();
  EXPECT_GT(address.port, 0);
  const std::string metrics = ask(address, "GET /metrics");
  EXPECT_TRUE(metrics.starts_with("HTTP/1.1 200")) << metrics;
  EXPECT_NE(metrics.find("Content-Type: text/plain; version=0.0.4"), std::string::npos) << metrics;
  EXPECT_TRUE(metrics.ends_with("\r\n\r\nx 1\n")) << metrics;
  EXPECT_TRUE(ask(address, "GET /healthz").starts_with("HTTP/1.1 200"));
  health = fail(ErrorCode::unavailable, "no server");
  const std::string sick = ask(address, "GET /healthz");
  EXPECT_TRUE(sick.starts_with("HTTP/1.1 503") && sick.find("no server") != std::string::npos);
  for (const char* other : {"GET /status", "PUT /log", "POST /warm", "DELETE /jobs/1"})
    EXPECT_TRUE(ask(address, other).starts_with("HTTP/1.1 404")) << other;
}

TEST(MetricsEndpoint, a_port_has_one_owner_and_is_free_after_it) {
  const auto nothing = [] { return std::string(); };
  auto first = MetricsEndpoint::start("127.0.0.1:0", nothing);
  ASSERT_TRUE(first);
  const std::string address = (*first)->address().text();
  const auto second = MetricsEndpoint::start(address, nothing);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::io);
  first->reset();
  EXPECT_TRUE(MetricsEndpoint::start(address, nothing));
}

}  // namespace
}  // namespace shoal::control
