// SPDX-License-Identifier: Apache-2.0
// Goal: connections behave: pipelining, delays that do not queue, and every fault as documented.
// Method: a server in this process, requests as text over plain sockets.
#include "devbucket/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <filesystem>
#include <fstream>

namespace shoal::devbucket {
namespace {

class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    struct sockaddr_in address {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const struct timeval deadline = {30, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<struct sockaddr*>(&address), sizeof address), 0);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::string_view text) {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  struct Reply {
    int status = 0;  // 0: no answer
    std::string head;
    std::string body;
    bool is_whole = false;
    bool was_reset = false;
  };
  Reply receive() {
    Reply reply;
    std::size_t end = std::string::npos;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos)
      if (!fill(reply)) return reply;
    reply.head = pending_.substr(0, end + 2);
    pending_.erase(0, end + 4);
    reply.status = std::stoi(reply.head.substr(9, 3));
    const std::size_t at = reply.head.find("Content-Length: ");
    const std::size_t bytes = at == std::string::npos ? 0 : std::stoul(reply.head.substr(at + 16));
    while (pending_.size() < bytes && fill(reply)) {
    }
    reply.is_whole = pending_.size() >= bytes;
    reply.body = pending_.substr(0, bytes);
    pending_.erase(0, reply.body.size());
    return reply;
  }
  Reply ask(std::string_view text) {
    send(text);
    return receive();
  }

 private:
  bool fill(Reply& reply) {
    char buffer[65536];
    const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
    if (count <= 0) {
      reply.was_reset = count < 0 && errno == ECONNRESET;
      return false;
    }
    pending_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
  int fd_;
  std::string pending_;
};

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "shoal-server-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::filesystem::create_directory(directory_ + "/b");
    std::ofstream(directory_ + "/b/ten") << "0123456789";
    options_.directory = directory_;
    options_.thread_count = 2;
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }
  void start() {
    auto started = Server::start(options_);
    ASSERT_TRUE(started) << started.error().to_string();
    server_ = std::move(*started);
  }
  FaultPlan& plan(RequestClass kind) {
    return options_.faults.plans[static_cast<std::size_t>(kind)];
  }
  Connection::Reply get(const std::string& target, const std::string& more = "") {
    return Connection(server_->port())
        .ask("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more + "\r\n");
  }

  Connection::Reply send(const std::string& method, const std::string& target,
                         const std::string& body, const std::string& more = "") {
    return Connection(server_->port())
        .ask(method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more +
             "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  // The id of a new upload.
  std::string start_upload(const std::string& target, const std::string& more = "") {
    const std::string body = send("POST", target + "?uploads", "", more).body;
    const std::size_t begin = body.find("<UploadId>") + 10;
    return body.substr(begin, body.find('<', begin) - begin);
  }

  std::string directory_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, pipelined_requests_are_answered_in_order) {
  start();
  Connection connection(server_->port());
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    requests += "GET /b/ten HTTP/1.1\r\nHost: h\r\nRange: bytes=" + std::to_string(i % 10) + "-" +
                std::to_string(i % 10) + "\r\n\r\n";
    if (i % 10 == 0) requests += "GET /b?list-type=2 HTTP/1.1\r\nHost: h\r\n\r\n";
    if (i % 10 == 5) requests += "PUT /b/p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  }
  connection.send(requests);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(connection.receive().body, std::to_string(i % 10));
    if (i % 10 == 0) {
      EXPECT_NE(connection.receive().body.find("<Key>ten</Key>"), std::string::npos);
    } else if (i % 10 == 5) {
      EXPECT_EQ(connection.receive().status, 200);
    }
  }
}

TEST_F(ServerTest, delayed_requests_wait_at_the_same_time) {
  plan(RequestClass::get).latency = std::chrono::milliseconds(300);
  start();
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < 300; ++i)
    connections.push_back(std::make_unique<Connection>(server_->port()));
  for (auto& connection : connections) connection->send("GET /b/ten HTTP/1.1\r\nHost: h\r\n\r\n");
  for (auto& connection : connections) EXPECT_EQ(connection->receive().body, "0123456789");
  // One after the other they would have taken 90 s; the counts show that they overlapped.
  const std::string counts = server_->counts();
  const std::size_t at = counts.find("in_flight_max\":") + 15;
  EXPECT_GT(std::stoi(counts.substr(at)), 30) << counts;
}

TEST_F(ServerTest, a_truncated_answer_is_short_and_a_corrupt_one_differs_in_one_bit) {
  plan(RequestClass::get).truncate = 1;
  start();
  const auto cut = get("/b/ten");
  EXPECT_EQ(cut.body, "01234");
  EXPECT_FALSE(cut.is_whole);
  plan(RequestClass::get) = {};
  plan(RequestClass::get).corrupt = 1;
  server_.reset();
  start();
  const auto corrupt = get("/b/ten");
  EXPECT_TRUE(corrupt.is_whole);
  ASSERT_EQ(corrupt.body.size(), 10u);
  int wrong_bits = 0;
  for (std::size_t i = 0; i < 10; ++i)
    wrong_bits += std::popcount(static_cast<unsigned char>(corrupt.body[i] ^ "0123456789"[i]));
  EXPECT_EQ(wrong_bits, 1);
  const auto again = get("/b/ten");
  EXPECT_NE(again.body, corrupt.body);
  EXPECT_NE(server_->counts().find("\"corrupted\":2"), std::string::npos);
}

TEST_F(ServerTest, a_reset_put_has_its_effect_and_an_error_has_none) {
  plan(RequestClass::put).reset = 1;
  start();
  const char* put = "PUT /b/new HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  const auto reset = Connection(server_->port()).ask(put);
  EXPECT_EQ(reset.status, 0);
  EXPECT_TRUE(reset.was_reset);
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/b/new"));
  std::filesystem::remove(directory_ + "/b/new");
  plan(RequestClass::put) = {};
  plan(RequestClass::put).error = 1;
  server_.reset();
  start();
  EXPECT_EQ(Connection(server_->port()).ask(put).status, 500);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/b/new"));
}

TEST_F(ServerTest, throttling_speaks_the_clients_dialect) {
  plan(RequestClass::get).throttle_rate = 0.001;
  start();
  EXPECT_EQ(get("/b/ten").status, 200);
  const auto s3 = get("/b/ten");
  EXPECT_EQ(s3.status, 503);
  EXPECT_NE(s3.body.find("<Code>SlowDown</Code>"), std::string::npos);
  const auto oss = get("/b/ten", "x-oss-date: x\r\n");
  EXPECT_NE(oss.body.find("<Code>TotalQpsLimitExceeded</Code>"), std::string::npos);
  EXPECT_NE(oss.head.find("x-oss-qos-delay-time: "), std::string::npos);
}

TEST_F(ServerTest, an_empty_page_can_be_continued_and_loses_nothing) {
  options_.faults.list_empty_page = 1;
  start();
  const auto page = get("/b?list-type=2&start-after=a");
  EXPECT_NE(page.body.find("<KeyCount>0</KeyCount><IsTruncated>true</IsTruncated>"),
            std::string::npos);
  const std::size_t begin = page.body.find("<NextContinuationToken>") + 23;
  const std::string token = page.body.substr(begin, page.body.find('<', begin) - begin);
  options_.faults.list_empty_page = 0;
  server_.reset();
  start();
  std::string encoded;
  for (const char c : token) encoded += c == '=' ? "%3D" : std::string(1, c);
  EXPECT_NE(get("/b?list-type=2&continuation-token=" + encoded).body.find("<Key>ten</Key>"),
            std::string::npos);
}

TEST_F(ServerTest, statistics_are_served_uncounted_and_can_be_zeroed) {
  start();
  get("/b/ten");
  const std::string before = get("/-/stats").body;
  EXPECT_NE(before.find("\"get\":{\"requests\":1,\"bytes_in\":0,\"bytes_out\":10,"),
            std::string::npos)
      << before;
  Connection(server_->port()).ask("POST /-/reset HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  EXPECT_NE(get("/-/stats").body.find("\"total\":{\"requests\":0,"), std::string::npos);
}

TEST_F(ServerTest, completing_an_upload_can_fail_late_and_then_does_nothing) {
  options_.faults.complete_error = 1;
  start();
  const std::string upload = start_upload("/b/a%20b");
  ASSERT_EQ(upload.size(), 32u);
  const std::string target = "/b/a%20b?uploadId=" + upload;
  const auto part = send("PUT", target + "&partNumber=1", "abc");
  EXPECT_EQ(part.status, 200);
  const std::string end =
      "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
      "<ETag>900150983cd24fb0d6963f7d28e17f72</ETag></Part>"
      "</CompleteMultipartUpload>";
  const auto late = send("POST", target, end);
  EXPECT_EQ(late.status, 200);
  EXPECT_NE(late.body.find("<Error><Code>InternalError</Code>"), std::string::npos) << late.body;
  EXPECT_EQ(get("/b/a%20b").status, 404);
  options_.faults.complete_error = 0;
  server_.reset();
  start();
  const auto listed = get("/b?uploads&encoding-type=url&prefix=a%20");
  EXPECT_NE(listed.body.find("<EncodingType>url</EncodingType>"), std::string::npos);
  EXPECT_NE(listed.body.find("<Key>a%20b</Key><UploadId>" + upload), std::string::npos)
      << listed.body;
  EXPECT_EQ(send("POST", target, end, "If-Match: \"x\"\r\n").status, 404);
  EXPECT_EQ(send("POST", target, end, "If-None-Match: *\r\n").status, 200);
  EXPECT_EQ(get("/b/a%20b").body, "abc");
  EXPECT_EQ(get("/b?uploads").body.find("<Upload>"), std::string::npos);
}

TEST_F(ServerTest, conditions_of_writes_hold_for_both_dialects) {
  start();
  const std::string etag = "\"781e5e245d69b566979b86e28d23f2c7\"";
  EXPECT_EQ(send("PUT", "/b/k", "0123456789", "If-None-Match: *\r\n").status, 200);
  EXPECT_EQ(send("PUT", "/b/k", "x", "If-None-Match: *\r\n").status, 412);
  EXPECT_EQ(send("PUT", "/b/k", "x", "If-Match: \"other\"\r\n").status, 412);
  EXPECT_EQ(send("PUT", "/b/none", "x", "If-Match: " + etag + "\r\n").status, 404);
  const auto forbidden = send("PUT", "/b/k", "x", "x-oss-forbid-overwrite: true\r\n");
  EXPECT_EQ(forbidden.status, 409);
  EXPECT_NE(forbidden.body.find("<Code>FileAlreadyExists</Code>"), std::string::npos);
  EXPECT_EQ(get("/b/k").body, "0123456789");
  EXPECT_EQ(send("PUT", "/b/k", "new", "If-Match: " + etag + "\r\n").status, 200);
  const std::string oss = "x-oss-date: x\r\n";
  const std::string upload = start_upload("/b/k", oss);
  const auto end = send("POST", "/b/k?uploadId=" + upload, "",
                        "x-oss-complete-all: yes\r\nx-oss-forbid-overwrite: true\r\n");
  EXPECT_EQ(end.status, 409);
}

TEST_F(ServerTest, a_body_of_any_size_arrives_whole_with_its_sums) {
  start();
  for (const std::size_t bytes : {0u, 1u, 8192u, 65'536u, 65'537u, 3'000'001u}) {
    std::string body(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) body[i] = static_cast<char>(i * 2654435761u >> 13);
    EXPECT_EQ(send("PUT", "/b/body", body).status, 200);
    EXPECT_TRUE(get("/b/body").body == body) << bytes;
    const auto wrong = send("PUT", "/b/body", body, "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n");
    EXPECT_NE(wrong.body.find("<Code>BadDigest</Code>"), std::string::npos) << wrong.body;
  }
}

TEST_F(ServerTest, an_unwanted_body_after_expect_is_not_asked_for) {
  start();
  Connection connection(server_->port());
  const auto refused = connection.ask(
      "PUT /nowhere/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(refused.status, 404);
  const auto asked =
      Connection(server_->port())
          .ask("PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n");
  EXPECT_EQ(asked.status, 100);
}

TEST_F(ServerTest, paths_do_not_lead_out_of_the_directory) {
  start();
  std::ofstream(directory_ + "/outside") << "secret";
  for (const char* target :
       {"/b/../outside", "/b/%2e%2e/outside", "/../outside", "/b//../../outside", "/%2e%2e/x"})
    EXPECT_GE(get(target).status, 400) << target;
}

TEST_F(ServerTest, rubbish_is_refused_and_the_server_lives_on) {
  start();
  EXPECT_EQ(Connection(server_->port()).ask("NOT HTTP AT ALL\r\n\r\n").status, 400);
  Connection(server_->port()).send(std::string("\0\1\2\xff\r\n\r\n", 8));
  EXPECT_EQ(get("/b/ten").body, "0123456789");
}

TEST_F(ServerTest, a_missing_directory_and_a_taken_port_are_errors_with_advice) {
  start();
  ServerOptions taken = options_;
  taken.port = server_->port();
  const auto second = Server::start(taken);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().to_string().find("--port"), std::string::npos);
  ServerOptions missing = options_;
  missing.directory = directory_ + "/none";
  EXPECT_EQ(Server::start(missing).error().code(), ErrorCode::not_found);
  ServerOptions keyless = options_;
  keyless.auth.keys_file = directory_ + "/no-keys";
  const auto refused = Server::start(keyless);
  EXPECT_NE(refused.error().to_string().find("no-keys"), std::string::npos);
}

}  // namespace
}  // namespace shoal::devbucket
