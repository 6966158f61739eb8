// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/resolver.h"
#include "http/transport.h"
#include "sys/loop.h"

namespace shoal::http {

struct RingOptions {
  std::uint32_t connections_max = 256;  // sockets; further exchanges wait in a queue
  std::string user_agent = "shoal";
  Resolver* resolver = nullptr;           // null: the system's. Outlives the transport
  TransportCounters* counters = nullptr;  // null: nobody looks. Outlives the transport
  Patience patience = {};
};

// HTTP/1.1 over TCP on the loop's own sends and receives: no TLS, no proxies. A third of libcurl's
// CPU for each small exchange. confined to `loop`, which outlives it. At most connections_max
// exchanges are under way, later ones wait in the order of their start() (how many, the caller
// bounds). Connections are kept and reused, spread over all addresses of a name. An exchange on a
// kept connection that turns out to be closed is sent once more on a new one when its method is
// get, head or del and no byte of an answer has come. Destroying it, which must not happen inside
// one of its callbacks, ends what is under way: their `done` run later on the loop with
// ErrorCode::canceled. https is refused with unsupported.
[[nodiscard]] std::unique_ptr<Transport> make_ring_transport(sys::Loop& loop,
                                                             const RingOptions& options);

}  // namespace shoal::http
