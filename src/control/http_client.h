// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace shoal::control {

struct HttpCall {
  std::string method;  // "GET", "POST", "DELETE"
  std::string path;    // with what it asks, escaped: "/volumes?id=a%2Fb"
  std::string body = {};
  std::string request_id = {};  // sent as X-Request-Id when it is not empty
};

// Who is asked, for messages.
struct HttpPeer {
  std::filesystem::path socket;
  std::string name;    // "control socket"
  std::string remedy;  // when nobody answers
};

// Makes one call over a unix socket and returns the body of the answer. Blocks, at most `patience`
// for each step (connect, send, wait for the answer). Errors: unavailable (no socket, or nobody
// listens), timeout, corrupt (an answer that is none), and what the peer refused with.
[[nodiscard]] Result<std::string> http_call(const HttpPeer& peer,
                                            std::chrono::milliseconds patience,
                                            const HttpCall& call);

}  // namespace shoal::control
