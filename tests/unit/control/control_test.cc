// SPDX-License-Identifier: Apache-2.0
// Goal: what a server reports arrives unchanged, and no foreign document passes for a status; what
// a client wants is done, and a bad client does no harm. Method: encode, decode, a volume in memory
// and a real unix socket.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "control/client.h"
#include "control/limits.h"
#include "control/server.h"
#include "control/status.h"
#include "control/status_fields.h"
#include "fake_volume.h"

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
  for (const PrefetchField& field : kPrefetchFields) status.prefetch.*field.member = value++;
  for (const char* name : {"walk", "known-order"}) {
    PolicyStatus policy;
    policy.name = name;
    policy.state = "on";
    for (const PolicyField& field : kPolicyFields) policy.*field.member = value++;
    status.prefetch.policies.push_back(policy);
  }
  status.prefetch.eviction = "next-use";
  status.prefetch.order_stopped = true;
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
  for (const PrefetchField& field : kPrefetchFields)
    EXPECT_EQ(after->prefetch.*field.member, before.prefetch.*field.member) << field.name;
  ASSERT_EQ(after->prefetch.policies.size(), 2u);
  for (const PolicyField& field : kPolicyFields)
    EXPECT_EQ(after->prefetch.policies[1].*field.member, before.prefetch.policies[1].*field.member);
  EXPECT_EQ(after->prefetch.policies[1].name, "known-order");
  EXPECT_EQ(after->prefetch.policies[1].state, "on");
  EXPECT_EQ(after->prefetch.eviction, "next-use");
  EXPECT_TRUE(after->prefetch.order_stopped);
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

// What a client gets that writes its own HTTP.
// `whole`: the request is one, and the answer is waited for.
std::string raw_exchange(const std::filesystem::path& socket_path, const std::string& request,
                         bool whole = true) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "no connect";
  std::size_t sent = 0;
  while (sent < request.size()) {
    const auto bytes = send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (bytes <= 0) break;
    sent += static_cast<std::size_t>(bytes);
  }
  if (!whole) shutdown(fd, SHUT_WR);
  std::string answer;
  char buffer[4096];
  for (ssize_t bytes; (bytes = recv(fd, buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(bytes));
  close(fd);
  return answer;
}

std::string with_body(const std::string& method, const std::string& path, const std::string& body) {
  return method + " " + path +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}
std::string post(const std::string& path, const std::string& body) {
  return with_body("POST", path, body);
}
std::string put(const std::string& path, const std::string& body) {
  return with_body("PUT", path, body);
}

class ControlSocket : public testing::Test {
 protected:
  ControlSocket() {
    char name[] = "/tmp/shoal-control-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~ControlSocket() override { std::filesystem::remove_all(directory_); }
  std::unique_ptr<Server> start(const std::filesystem::path& socket) {
    auto server = Server::start(socket, volume_, sample);
    EXPECT_TRUE(server) << server.error().to_string();
    return server ? std::move(*server) : nullptr;
  }
  std::filesystem::path directory_;
  FakeVolume volume_;
};

constexpr auto kPatience = std::chrono::seconds(20);

TEST_F(ControlSocket, answers_its_owner_and_replaces_a_dead_servers_socket) {
  const auto socket = directory_ / "control.sock";
  ASSERT_FALSE(get_status(socket, std::chrono::seconds(1)));
  for (int round = 0; round < 2; ++round) {
    auto server = start(socket);
    struct stat mode {};
    ASSERT_EQ(stat(socket.c_str(), &mode), 0);
    EXPECT_EQ(mode.st_mode & 0777, 0600u);
    const auto status = get_status(socket, kPatience);
    ASSERT_TRUE(status) << status.error().to_string();
    EXPECT_EQ(status->server_pid, static_cast<std::uint64_t>(getpid()));
    server.reset();
    EXPECT_FALSE(std::filesystem::exists(socket));
  }
}

TEST_F(ControlSocket, the_log_level_is_asked_and_set_while_the_server_runs) {
  const auto socket = directory_ / "control.sock";
  const auto server = start(socket);
  const LogLevel before = log_level();
  EXPECT_EQ(get_log_level(socket, kPatience).value(), before);
  ASSERT_TRUE(set_log_level(socket, LogLevel::debug, kPatience));
  EXPECT_EQ(get_log_level(socket, kPatience).value(), LogLevel::debug);
  EXPECT_TRUE(is_logged(LogLevel::debug));
  EXPECT_NE(raw_exchange(socket, put("/log", "{\"level\":\"loud\"}")).find(" 400 "),
            std::string::npos);
  EXPECT_NE(raw_exchange(socket, put("/log", "{\"level\":\"info\",\"x\":1}")).find(" 400 "),
            std::string::npos);
  EXPECT_TRUE(is_logged(LogLevel::debug)) << "what is refused changes nothing";
  ASSERT_TRUE(set_log_level(socket, before, kPatience));
}

TEST_F(ControlSocket, a_path_of_any_length_will_do) {
  std::filesystem::path deep = directory_;
  while (deep.string().size() < 600) deep /= std::string(60, 'd');
  std::filesystem::create_directories(deep);
  const auto server = start(deep / "control.sock");
  struct stat mode {};
  ASSERT_EQ(stat((deep / "control.sock").c_str(), &mode), 0);
  EXPECT_EQ(mode.st_mode & 0777, 0600u);
  const auto status = get_status(deep / "control.sock", kPatience);
  EXPECT_TRUE(status) << status.error().to_string();
}

TEST_F(ControlSocket, a_name_no_socket_can_have_is_refused) {
  const auto server = Server::start(directory_ / std::string(120, 'x'), volume_, sample);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), ErrorCode::bad_input);
  const auto nowhere =
      Server::start(directory_ / std::string(120, 'x') / "control.sock", volume_, sample);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code(), ErrorCode::not_found);
}

WarmSpec all_files() {
  WarmSpec spec;
  spec.paths.push_back(*PathPattern::parse("", PathPattern::Syntax::pattern));
  return spec;
}

TEST_F(ControlSocket, a_command_becomes_a_job_that_can_be_watched_and_canceled) {
  const auto socket = directory_ / "control.sock";
  add_tree(volume_);
  const auto server = start(socket);
  volume_.hold(true);
  const auto started = start_job(socket, all_files(), PathPattern::Syntax::pattern, kPatience);
  ASSERT_TRUE(started) << started.error().to_string();
  volume_.wait_in_flight(10);
  EXPECT_TRUE(get_status(socket, kPatience)) << "a command under way delays no question";
  EXPECT_TRUE(cancel_job(socket, started->id, kPatience));
  volume_.hold(false);
  for (;;) {
    const auto job = ask_job(socket, started->id, kPatience);
    ASSERT_TRUE(job) << job.error().to_string();
    if (!job->progress.is_over()) continue;
    EXPECT_EQ(job->progress.state, WarmProgress::State::canceled);
    break;
  }
  const auto unknown = ask_job(socket, "other-1", kPatience);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::not_found);
}

TEST_F(ControlSocket, an_order_reaches_the_volume_and_the_next_server) {
  const auto socket = directory_ / "control.sock";
  ReadOrder first;
  first.list = "/orders/one";
  ReadOrder next;
  next.shuffle = ShuffledEpoch{.seed = 7, .epoch = 1};
  next.append = true;
  {
    const auto server = start(socket);
    ASSERT_TRUE(announce_order(socket, first, kPatience));
    ASSERT_TRUE(announce_order(socket, next, kPatience));
    volume_.order_result = fail(ErrorCode::not_found, "no such list", "make one");
    const auto refused = announce_order(socket, first, kPatience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().to_string(), "no such list (not found). make one");
    volume_.order_result = {};
  }
  ASSERT_EQ(volume_.orders.size(), 2u);
  const auto server = start(socket);
  ASSERT_EQ(volume_.orders.size(), 4u);
  EXPECT_EQ(volume_.orders[2].list, first.list);
  ASSERT_TRUE(volume_.orders[3].shuffle);
  EXPECT_EQ(volume_.orders[3].shuffle->seed, 7u);
  EXPECT_TRUE(volume_.orders[3].append);
}

TEST_F(ControlSocket, hostile_clients_get_an_answer_or_nothing_and_the_next_one_is_served) {
  const auto socket = directory_ / "control.sock";
  const auto server = start(socket);
  EXPECT_NE(raw_exchange(socket, post("/warm", "{\"paths\":3}")).find(" 400 "), std::string::npos);
  EXPECT_NE(raw_exchange(socket, post("/warm", "")).find(" 400 "), std::string::npos);
  EXPECT_NE(raw_exchange(socket, post("/order", "{\"list\":\"x\"}")).find("absolute"),
            std::string::npos);
  EXPECT_NE(raw_exchange(socket, post("/dance", "{}")).find(" 404 "), std::string::npos);
  EXPECT_NE(raw_exchange(socket, "GET /jobs/../../etc HTTP/1.1\r\n\r\n").find(" 404 "),
            std::string::npos);
  EXPECT_NE(raw_exchange(socket, "DELETE /jobs/x HTTP/1.1\r\n\r\n").find(" 404 "),
            std::string::npos);
  const std::string long_body(limits::kBodyBytesMax + 1, 'x');
  EXPECT_NE(raw_exchange(socket, post("/warm", long_body)).find("too long"), std::string::npos);
  for (const char* noise : {"", "\r\n", "\x16\x03\x01", "GET", "POST /warm HTTP/1.1\r\n\r\n"})
    raw_exchange(socket, noise, /*whole=*/false);
  raw_exchange(socket, std::string(1 << 20, 'x'), /*whole=*/false);
  EXPECT_TRUE(volume_.warmed().empty());
  EXPECT_TRUE(get_status(socket, kPatience));
}

TEST_F(ControlSocket, a_client_that_says_nothing_delays_nobody) {
  const auto socket_path = directory_ / "control.sock";
  const auto server = start(socket_path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  const int silent = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(connect(silent, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  // Less than the time after which the silent one would be given up.
  EXPECT_TRUE(get_status(socket_path, limits::kSocketTimeout / 2));
  close(silent);
}

}  // namespace
}  // namespace shoal::control
