// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/transport.h"
#include "sys/loop.h"

namespace shoal::http {

struct TransportOptions {
  std::uint32_t connections_max = 256;
  std::string user_agent = "shoal";
  std::string ca_bundle = {};             // path; empty: the system's
  TransportCounters* counters = nullptr;  // outlives the transport
};

// The transport for whatever comes: the ring for plain http, libcurl for https and wherever the
// environment names a proxy. Each of the two may have connections_max connections. The rest as
// transport.h and the two makers say.
[[nodiscard]] Result<std::unique_ptr<Transport>> make_transport(sys::Loop& loop,
                                                                const TransportOptions& options);

}  // namespace shoal::http
