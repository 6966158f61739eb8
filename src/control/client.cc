// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <httplib.h>

#include <string>

namespace shoal::control {

Result<Status> get_status(const std::filesystem::path& socket, std::chrono::milliseconds patience) {
  httplib::Client http(socket.string(), 80);
  http.set_address_family(AF_UNIX);
  http.set_connection_timeout(patience);
  http.set_read_timeout(patience);
  http.set_write_timeout(patience);
  const httplib::Result answer = http.Get("/status");
  if (!answer) {
    const bool slow = answer.error() == httplib::Error::Read;
    return fail(slow ? ErrorCode::timeout : ErrorCode::unavailable,
                "control socket " + socket.string() + ": " + httplib::to_string(answer.error()),
                "The server may be starting again: try in a moment; its log says more.");
  }
  if (answer->status != 200)
    return fail(ErrorCode::corrupt, "control socket " + socket.string() + ": HTTP status " +
                                        std::to_string(answer->status));
  return decode_status(answer->body);
}

}  // namespace shoal::control
