// SPDX-License-Identifier: Apache-2.0
#include "control/tcp_address.h"

#include <charconv>

namespace shoal::control {

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

}  // namespace shoal::control
