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
  std::string ca_bundle;  // path; empty: the system's
};

// libcurl's multi handle with its sockets polled on `loop` and its timers on the loop's timers.
// confined to `loop`; keeps connections alive and reuses easy handles. `loop` outlives it.
[[nodiscard]] Result<std::unique_ptr<Transport>> make_curl_transport(sys::Loop& loop,
                                                                     const CurlOptions& options);

}  // namespace shoal::http
