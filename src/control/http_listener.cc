// SPDX-License-Identifier: Apache-2.0
#include "control/http_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/limits.h"

namespace shoal::control {
namespace {

// Not SO_REUSEPORT, the library's own choice: two processes would share a port without knowing it.
void reuse_address(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

HttpListener::HttpListener(const Bounds& bounds) {
  // Owned by the library.
  http_.new_task_queue = [threads = bounds.threads] {
    return new HttpPool(threads, limits::kConnectionsWaiting);
  };
  http_.set_socket_options(reuse_address);
  http_.set_read_timeout(bounds.read_timeout);
  http_.set_write_timeout(limits::kSocketTimeout);
  http_.set_keep_alive_max_count(1);
  http_.set_payload_max_length(bounds.body_bytes_max);
  // The bound above is one for bodies that say their length; httplib reads others to their end.
  http_.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!request.has_header("Transfer-Encoding"))
      return httplib::Server::HandlerResponse::Unhandled;
    response.status = 411;
    response.set_header("Connection", "close");
    return httplib::Server::HandlerResponse::Handled;
  });
}

HttpListener::~HttpListener() {
  if (!thread_.joinable()) return;
  // stop() before the loop runs would be lost.
  while (!http_.is_running()) std::this_thread::yield();
  http_.stop();
  thread_.join();
  if (!socket_.empty()) unlink(socket_.c_str());
}

void HttpListener::PatientServer::widen_queue() {
  ::listen(svr_sock_, limits::kConnectionsQueued);
}

Result<void> HttpListener::listen_on(const std::filesystem::path& socket) {
  SHOAL_TRY(auto name, SocketPath::of(socket));
  name_.emplace(std::move(name));
  http_.set_address_family(AF_UNIX);
  unlink(socket.c_str());
  // Created under a mask, so that there is no moment in which others could connect.
  const mode_t mask = umask(0177);
  const bool bound = http_.bind_to_port(name_->name(), 80);
  umask(mask);
  if (!bound)
    return fail(ErrorCode::io, "socket " + socket.string() + ": cannot be bound",
                "Check that its directory exists and can be written.");
  http_.widen_queue();
  socket_ = socket;
  thread_ = std::thread([this] { http_.listen_after_bind(); });
  return {};
}

Result<int> HttpListener::listen_on(const std::string& host, int port) {
  const int bound = port == 0                        ? http_.bind_to_any_port(host)
                    : http_.bind_to_port(host, port) ? port
                                                     : -1;
  if (bound < 0)
    return fail(ErrorCode::io,
                "address " + host + ":" + std::to_string(port) + ": cannot be listened on",
                "It is in use, or no address of this machine: name another one.");
  http_.widen_queue();
  thread_ = std::thread([this] { http_.listen_after_bind(); });
  return bound;
}

}  // namespace shoal::control
