// SPDX-License-Identifier: Apache-2.0
#include "control/http_server.h"

#include <algorithm>

#include "control/commands.h"
#include "control/http_listener.h"
#include "control/tcp_address.h"

namespace shoal::control {
namespace {

constexpr std::size_t kRequestIdBytesMax = 128;

// What is written into logs must be short and plain.
std::string request_id_of(const httplib::Request& request) {
  std::string id = request.get_header_value("X-Request-Id");
  const bool plain = std::ranges::all_of(id, [](char c) { return c > 0x20 && c < 0x7f; });
  return plain && id.size() <= kRequestIdBytesMax ? id : std::string();
}

HttpQuestion question_of(const httplib::Request& request) {
  HttpQuestion question{.method = request.method,
                        .path = request.path,
                        .body = request.body,
                        .request_id = request_id_of(request)};
  for (const auto& [name, value] : request.params) question.parameters.emplace_back(name, value);
  return question;
}

}  // namespace

std::string HttpQuestion::parameter(std::string_view name) const {
  for (const auto& [found, value] : parameters)
    if (found == name) return value;
  return {};
}

int http_status(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::bad_input:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::precondition:
    case ErrorCode::unsupported:
      return 409;
    case ErrorCode::limit:
    case ErrorCode::closed:
    case ErrorCode::unavailable:
      return 503;
    default:
      return 500;
  }
}

HttpAnswer answer_of(const Error& error) {
  return {.status = http_status(error.code()), .body = encode_error(error)};
}

class HttpServer::Impl {
 public:
  Impl(const Options& options, Handler handler)
      : handler_(std::move(handler)),
        listener_({.threads = options.threads,
                   .body_bytes_max = options.body_bytes_max,
                   .read_timeout = options.read_timeout}) {
    httplib::Server& http = listener_.http();
    const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
      HttpAnswer answer = handler_(question_of(request));
      response.status = answer.status;
      response.set_content(std::move(answer.body), answer.content_type);
    };
    constexpr const char* kAny = "/.*";
    http.Get(kAny, serve).Post(kAny, serve).Put(kAny, serve).Delete(kAny, serve);
    // What httplib refuses by itself: everything that is refused has a reason.
    http.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty()) return;
      const std::string what = request.method.substr(0, 20) + " " + request.path.substr(0, 100);
      const Error error =
          response.status == 413 || response.status == 411
              ? Error(ErrorCode::limit, what + ": the body is too long, or does not say how long",
                      "Send less, with Content-Length.")
              : Error(ErrorCode::bad_input,
                      what + ": no such request (HTTP status " + std::to_string(response.status) +
                          ")",
                      "Send GET, POST, PUT or DELETE in the form of HTTP/1.1.");
      response.set_content(encode_error(error), "application/json");
    });
  }

  Result<void> start(const std::filesystem::path& socket) { return listener_.listen_on(socket); }
  Result<void> start(const TcpAddress& address) {
    SHOAL_TRY(port_, listener_.listen_on(address.host, address.port));
    return {};
  }
  [[nodiscard]] int port() const noexcept { return port_; }

 private:
  const Handler handler_;
  int port_ = 0;
  HttpListener listener_;  // last: its threads use the above
};

Result<std::unique_ptr<HttpServer>> HttpServer::on_socket(const std::filesystem::path& socket,
                                                          const Options& options, Handler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  SHOAL_CHECK_OK(impl->start(socket));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

Result<std::unique_ptr<HttpServer>> HttpServer::on_address(const std::string& address,
                                                           const Options& options,
                                                           Handler handler) {
  SHOAL_TRY(const TcpAddress parsed, parse_tcp_address(address));
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  SHOAL_CHECK_OK(impl->start(parsed));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const noexcept {
  return impl_->port();
}

}  // namespace shoal::control
