// SPDX-License-Identifier: Apache-2.0
#include "control/metrics_endpoint.h"

#include <httplib.h>
#include <sys/socket.h>

#include <charconv>
#include <thread>

#include "base/metrics.h"
#include "control/http_pool.h"
#include "control/limits.h"

namespace shoal::control {
namespace {

constexpr const char* kPlain = "text/plain; charset=utf-8";

// Not SO_REUSEPORT, the library's own choice: two mounts would share a port without knowing it.
void set_socket_options(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

std::string TcpAddress::text() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<TcpAddress> parse_tcp_address(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::bad_input,
                "address '" + std::string(text.substr(0, 100)) + "': not HOST:PORT",
                "Write it like 127.0.0.1:9464, [::1]:9464 or :9464.");
  };
  TcpAddress address;
  std::string_view port = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (is_bracketed) host = host.substr(1, host.size() - 2);
    if (!is_bracketed && host.find_first_of(":[]") != std::string_view::npos) return refuse();
    address.host = host;
  }
  if (address.host.find_first_of(" /@") != std::string::npos) return refuse();
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) return refuse();
  if (address.host.empty()) address.host = "127.0.0.1";
  return address;
}

class MetricsEndpoint::Impl {
 public:
  Impl(TcpAddress where, Metrics metrics, Health health)
      : address_(std::move(where)), metrics_(std::move(metrics)), health_(std::move(health)) {
    // Owned by the library.
    http_.new_task_queue = [] {
      return new HttpPool(limits::kMetricsThreads, limits::kConnectionsWaiting);
    };
    http_.set_socket_options(set_socket_options);
    http_.set_read_timeout(limits::kSocketTimeout);
    http_.set_write_timeout(limits::kSocketTimeout);
    http_.set_keep_alive_max_count(1);
    http_.set_payload_max_length(limits::kMetricsBodyMax);
    http_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(metrics_(), kMetricsContentType);
    });
    http_.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      const Result<void> healthy = health_ ? health_() : Result<void>();
      response.status = healthy ? 200 : 503;
      response.set_content(healthy ? "ok\n" : healthy.error().to_string() + "\n", kPlain);
    });
    http_.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty())
        response.set_content("GET /metrics and GET /healthz are answered here\n", kPlain);
    });
  }

  Result<void> start() {
    int port = address_.port;
    if (port == 0)
      port = http_.bind_to_any_port(address_.host);
    else if (!http_.bind_to_port(address_.host, port))
      port = -1;
    if (port <= 0)
      return fail(ErrorCode::io, "metrics address " + address_.text() + ": cannot be listened on",
                  "Another program may have it: give each mount and each watcher its own port.");
    address_.port = static_cast<std::uint16_t>(port);
    thread_ = std::thread([this] { http_.listen_after_bind(); });
    return {};
  }

  ~Impl() {
    if (!thread_.joinable()) return;
    // stop() before the loop runs would be lost.
    while (!http_.is_running()) std::this_thread::yield();
    http_.stop();
    thread_.join();
  }

  [[nodiscard]] const TcpAddress& address() const { return address_; }

 private:
  TcpAddress address_;
  Metrics metrics_;
  Health health_;
  httplib::Server http_;
  std::thread thread_;
};

Result<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::start(std::string_view address,
                                                                Metrics metrics, Health health) {
  SHOAL_TRY(auto where, parse_tcp_address(address));
  auto impl = std::make_unique<Impl>(std::move(where), std::move(metrics), std::move(health));
  SHOAL_CHECK_OK(impl->start());
  return std::unique_ptr<MetricsEndpoint>(new MetricsEndpoint(std::move(impl)));
}

MetricsEndpoint::MetricsEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsEndpoint::~MetricsEndpoint() = default;
const TcpAddress& MetricsEndpoint::address() const {
  return impl_->address();
}

}  // namespace shoal::control
