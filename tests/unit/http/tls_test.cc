// SPDX-License-Identifier: Apache-2.0
// Goal: https works with a certificate the bundle vouches for, and with no other. Method: real
// handshakes with a Python server on loopback whose certificate openssl makes for the test.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "http/default_transport.h"
#include "sys/loop.h"

namespace shoal::http {
namespace {

namespace fs = std::filesystem;

// Two connections, then it ends; by itself after 20 s whatever happens.
constexpr const char* kServer = R"(
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '6')
        self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(b'sealed')
    def log_message(self, *arguments): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + '/cert.pem', sys.argv[1] + '/key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.timeout = 20
for _ in range(2): server.handle_request()
)";

struct Collector final : ResponseSink {
  Result<void> on_head(const ResponseHead& head) override {
    status = head.status;
    return {};
  }
  Result<void> on_body(ByteSpan bytes) override {
    body += as_text(bytes);
    return {};
  }
  int status = 0;
  std::string body;
};

class Tls : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "shoal-tls-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    make_certificate("cert.pem", "key.pem");
    make_certificate("other.pem", "other-key.pem");
    FILE* script = std::fopen((name + "/server.py").c_str(), "w");
    ASSERT_NE(script, nullptr);
    std::fputs(kServer, script);
    std::fclose(script);
    server_ = popen(("timeout 20 python3 '" + name + "/server.py' '" + name + "'").c_str(), "r");
    ASSERT_NE(server_, nullptr);
    ASSERT_EQ(std::fscanf(server_, "%d", &port_), 1);
  }
  void TearDown() override {
    if (server_ != nullptr) pclose(server_);
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  void make_certificate(const std::string& certificate, const std::string& key) const {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout '" +
        (directory_ / key).string() + "' -out '" + (directory_ / certificate).string() +
        "' 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  Result<void> get(const char* bundle, Collector& answer) {
    const auto loop = std::move(*sys::Loop::create({}));
    auto transport = make_transport(*loop, {.ca_bundle = (directory_ / bundle).string()});
    if (!transport) return fail(std::move(transport).error());
    Request request;
    request.url = "https://127.0.0.1:" + std::to_string(port_) + "/k";
    request.deadline = std::chrono::seconds(10);
    std::optional<Result<void>> outcome;
    (*transport)->start(request, answer, [&](Result<void> result) { outcome = std::move(result); });
    loop->run_until([&] { return outcome.has_value(); });
    return std::move(*outcome);
  }

  fs::path directory_;
  FILE* server_ = nullptr;
  int port_ = 0;
};

TEST_F(Tls, exchanges_with_a_trusted_server_and_refuses_another) {
  Collector answer;
  const auto trusted = get("cert.pem", answer);
  EXPECT_TRUE(trusted) << trusted.error().to_string();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "sealed");

  Collector nothing;
  const auto stranger = get("other.pem", nothing);
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code(), ErrorCode::unavailable) << stranger.error().to_string();
  EXPECT_EQ(stranger.error().retry(), Retry::no) << stranger.error().to_string();
  EXPECT_EQ(nothing.status, 0);
}

TEST(TlsBundle, that_is_missing_is_reported_at_the_start) {
  const auto loop = std::move(*sys::Loop::create({}));
  const auto transport = make_transport(*loop, {.ca_bundle = "/nowhere/ca.pem"});
  ASSERT_FALSE(transport);
  EXPECT_EQ(transport.error().code(), ErrorCode::not_found);
  EXPECT_NE(transport.error().message().find("/nowhere/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace shoal::http
