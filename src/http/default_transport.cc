// SPDX-License-Identifier: Apache-2.0
#include "http/default_transport.h"

#include <algorithm>
#include <cstdlib>

#include "http/curl_transport.h"
#include "http/ring_transport.h"

namespace shoal::http {
namespace {

// The proxies libcurl would use for an http:// URL.
bool has_http_proxy() {
  constexpr const char* kNames[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
  return std::ranges::any_of(kNames, [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  });
}

class DefaultTransport final : public Transport {
 public:
  DefaultTransport(std::unique_ptr<Transport> curl, std::unique_ptr<Transport> ring)
      : curl_(std::move(curl)), ring_(std::move(ring)) {}

  ExchangeId start(const Request& request, ResponseSink& sink, Done done) override {
    if (ring_ && request.url.starts_with("http://"))
      return ring_->start(request, sink, std::move(done));
    return {curl_->start(request, sink, std::move(done)).value | kCurl};
  }
  void cancel(ExchangeId exchange) override {
    if ((exchange.value & kCurl) != 0)
      curl_->cancel({exchange.value & ~kCurl});
    else if (ring_)
      ring_->cancel(exchange);
  }

 private:
  // Ids of both are slot numbers below 2^62.
  static constexpr std::uint64_t kCurl = std::uint64_t{1} << 63;
  std::unique_ptr<Transport> curl_;
  std::unique_ptr<Transport> ring_;  // null: a proxy stands before everything
};

}  // namespace

Result<std::unique_ptr<Transport>> make_transport(sys::Loop& loop,
                                                  const TransportOptions& options) {
  CurlOptions curl_options;
  curl_options.connections_max = options.connections_max;
  curl_options.user_agent = options.user_agent;
  curl_options.ca_bundle = options.ca_bundle;
  curl_options.counters = options.counters;
  SHOAL_TRY(auto curl, make_curl_transport(loop, curl_options));
  std::unique_ptr<Transport> ring;
  if (!has_http_proxy()) {
    RingOptions ring_options;
    ring_options.connections_max = options.connections_max;
    ring_options.user_agent = options.user_agent;
    ring_options.counters = options.counters;
    ring = make_ring_transport(loop, ring_options);
  }
  return std::make_unique<DefaultTransport>(std::move(curl), std::move(ring));
}

}  // namespace shoal::http
