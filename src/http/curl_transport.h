// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/transport.h"
#include "sys/loop.h"

namespace shoal::http {

struct CurlOptions {
  std::uint32_t connections_max = 256;  // sockets; further exchanges wait in a queue
  std::string user_agent = "shoal";
  std::string ca_bundle = {};             // path; empty: the system's
  TransportCounters* counters = nullptr;  // null: nobody looks. Outlives the transport
  Patience patience = {};
};

// libcurl's multi handle with its sockets polled on `loop` and its timers on the loop's timers.
// confined to `loop`; keeps connections alive and reuses easy handles. `loop` outlives it. At most
// connections_max exchanges are under way; later ones wait in the order of their start() (how many,
// the caller bounds). Destroying it, which must not happen inside one of its callbacks, ends what
// is under way: their `done` is posted to the loop with ErrorCode::canceled. Proxies are taken from
// the environment (https_proxy, no_proxy, ...). Fails with not_found when ca_bundle cannot be read.
[[nodiscard]] Result<std::unique_ptr<Transport>> make_curl_transport(sys::Loop& loop,
                                                                     const CurlOptions& options);

}  // namespace shoal::http
