// SPDX-License-Identifier: Apache-2.0
#include "control/metrics_endpoint.h"

#include "base/metrics.h"
#include "control/http_server.h"
#include "control/limits.h"

namespace shoal::control {
namespace {

constexpr const char* kPlain = "text/plain; charset=utf-8";

HttpAnswer answer(const HttpQuestion& question, const MetricsEndpoint::Metrics& metrics,
                  const MetricsEndpoint::Health& health) {
  const bool is_read = question.method == "GET" || question.method == "HEAD";
  if (is_read && question.path == "/metrics")
    return {.status = 200, .body = metrics(), .content_type = kMetricsContentType};
  if (is_read && question.path == "/healthz") {
    const Result<void> healthy = health ? health() : Result<void>();
    if (healthy) return {.status = 200, .body = "ok\n", .content_type = kPlain};
    return {.status = 503, .body = healthy.error().to_string() + "\n", .content_type = kPlain};
  }
  return {.status = 404,
          .body = "GET /metrics and GET /healthz are answered here\n",
          .content_type = kPlain};
}

}  // namespace

class MetricsEndpoint::Impl {
 public:
  TcpAddress address;
  std::unique_ptr<HttpServer> server;
};

Result<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::start(std::string_view address,
                                                                Metrics metrics, Health health) {
  auto impl = std::make_unique<Impl>();
  SHOAL_TRY(impl->address, parse_tcp_address(address));
  SHOAL_TRY(impl->server,
            HttpServer::on_address(
                impl->address.text(),
                {.threads = limits::kMetricsThreads, .body_bytes_max = limits::kMetricsBodyMax},
                [metrics = std::move(metrics), health = std::move(health)](
                    const HttpQuestion& question) { return answer(question, metrics, health); }));
  impl->address.port = static_cast<std::uint16_t>(impl->server->port());
  return std::unique_ptr<MetricsEndpoint>(new MetricsEndpoint(std::move(impl)));
}

MetricsEndpoint::MetricsEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsEndpoint::~MetricsEndpoint() = default;
const TcpAddress& MetricsEndpoint::address() const {
  return impl_->address;
}

}  // namespace shoal::control
