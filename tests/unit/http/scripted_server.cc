// SPDX-License-Identifier: Apache-2.0
// Goal: give tests a peer that answers exactly what they say, valid or not.
// Method: blocking sockets, one thread per connection, everything shut down by the destructor.
#include "scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace shoal::testing {
namespace {

std::size_t content_length(const std::string& head) {
  const std::size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

bool send_all(int fd, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 1024) != 0 ||
      getsockname(listener_, generic, &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_connections(); });
}

ScriptedServer::~ScriptedServer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

std::string ScriptedServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<std::string> ScriptedServer::heads() const {
  const std::lock_guard lock(mutex_);
  return heads_;
}

void ScriptedServer::accept_connections() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ++connections_;
    {
      const std::lock_guard lock(mutex_);
      if (closing_) {
        close(fd);
        return;
      }
      open_.push_back(fd);
    }
    threads_.emplace_back([this, fd] {
      serve(fd);
      const std::lock_guard lock(mutex_);
      std::erase(open_, fd);
      close(fd);
      ++closed_;
    });
  }
}

void ScriptedServer::serve(int fd) {
  std::string buffer;
  for (;;) {
    std::size_t head_end = std::string::npos;
    std::size_t request_end = std::string::npos;
    while (request_end > buffer.size()) {
      char piece[16384];
      const ssize_t count = recv(fd, piece, sizeof piece, 0);
      if (count <= 0) return;
      buffer.append(piece, static_cast<std::size_t>(count));
      head_end = buffer.find("\r\n\r\n");
      if (head_end != std::string::npos)
        request_end = head_end + 4 + content_length(buffer.substr(0, head_end + 2));
    }
    const std::string head = buffer.substr(0, head_end + 2);
    const std::string body = buffer.substr(head_end + 4, request_end - head_end - 4);
    buffer.erase(0, request_end);
    if (!answer(fd, head, body)) return;
  }
}

bool ScriptedServer::answer(int fd, const std::string& head, const std::string& body) {
  ++requests_;
  {
    const std::lock_guard lock(mutex_);
    heads_.push_back(head);
  }
  const Answer answer = script_(head, body);
  if (!send_all(fd, answer.bytes)) return false;
  switch (answer.after) {
    case After::keep:
      return true;
    case After::close:
      return false;
    case After::reset: {
      const linger abort_connection{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_connection, sizeof abort_connection);
      return false;
    }
    case After::hang: {
      char ignored = 0;
      while (recv(fd, &ignored, 1, 0) > 0) {
      }
      return false;
    }
  }
  return false;
}

}  // namespace shoal::testing
