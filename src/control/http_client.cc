// SPDX-License-Identifier: Apache-2.0
#include "control/http_client.h"

#include <httplib.h>

#include "control/commands.h"
#include "control/socket_path.h"

namespace shoal::control {

Result<std::string> http_call(const HttpPeer& peer, std::chrono::milliseconds patience,
                              const HttpCall& call) {
  const auto unreachable = [&](ErrorCode code, const std::string& why) {
    return fail(code, peer.name + " " + peer.socket.string() + ": " + why, peer.remedy);
  };
  const auto name = SocketPath::of(peer.socket);
  if (!name) return unreachable(ErrorCode::unavailable, name.error().message());
  httplib::Client http(name->name(), 80);
  http.set_address_family(AF_UNIX);
  http.set_connection_timeout(patience);
  http.set_read_timeout(patience);
  http.set_write_timeout(patience);
  httplib::Request request;
  request.method = call.method;
  request.path = call.path;
  if (!call.body.empty()) {
    request.body = call.body;
    request.set_header("Content-Type", "application/json");
  }
  if (!call.request_id.empty()) request.set_header("X-Request-Id", call.request_id);
  const httplib::Result answer = http.send(request);
  if (!answer) {
    const bool slow = answer.error() == httplib::Error::Read;
    return unreachable(slow ? ErrorCode::timeout : ErrorCode::unavailable,
                       httplib::to_string(answer.error()));
  }
  if (answer->status >= 300) return fail(decode_error(answer->body));
  return answer->body;
}

}  // namespace shoal::control
