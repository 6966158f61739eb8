// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace shoal::testing {

// A server on 127.0.0.1 that reads HTTP requests and answers each with the bytes a script returns,
// so that a test can send what no well-behaved server would. One thread per connection.
class ScriptedServer {
 public:
  enum class After { keep, close, reset, hang };
  struct Answer {
    std::string bytes;
    After after = After::keep;
  };
  // Called with the request's head and body as they came; from several threads.
  using Script = std::function<Answer(const std::string& head, const std::string& body)>;

  explicit ScriptedServer(Script script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const;
  [[nodiscard]] std::uint64_t connections() const { return connections_; }
  [[nodiscard]] std::uint64_t closed_connections() const { return closed_; }
  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] std::vector<std::string> heads() const;

 private:
  void accept_connections();
  void serve(int fd);
  bool answer(int fd, const std::string& head, const std::string& body);

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<std::uint64_t> closed_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<std::string> heads_;
  std::vector<int> open_;
  bool closing_ = false;

  std::list<std::thread> threads_;  // touched by the acceptor, joined after it
  std::thread acceptor_;
};

// "HTTP/1.1 200 OK" with a Content-Length and `body`.
[[nodiscard]] std::string ok(const std::string& body);

}  // namespace shoal::testing
