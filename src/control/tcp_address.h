// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::control {

// "HOST:PORT", "[IPv6]:PORT", ":PORT" or "PORT"; without a host it is 127.0.0.1, so that nothing is
// open to a network that nobody asked for ("0.0.0.0:9464" asks). Port 0: any that is free.
struct TcpAddress {
  std::string host;
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const;
};
// Fails with bad_input.
[[nodiscard]] Result<TcpAddress> parse_tcp_address(std::string_view text);

}  // namespace shoal::control
