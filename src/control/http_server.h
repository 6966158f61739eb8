// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

// A small HTTP server for programs that answer questions, and keep their own threads for it.

namespace shoal::control {

struct HttpQuestion {
  std::string method;
  std::string path;  // without what follows "?"
  std::string body;
  std::string request_id;  // X-Request-Id; empty when the client sent none that can be logged
  std::vector<std::pair<std::string, std::string>> parameters = {};  // after "?", decoded
  // The first of that name; "" when there is none.
  [[nodiscard]] std::string parameter(std::string_view name) const;
};

struct HttpAnswer {
  int status = 200;
  std::string body = "{}";
  std::string content_type = "application/json";
};
// The error as encode_error() writes it, under the HTTP status that fits its code.
[[nodiscard]] HttpAnswer answer_of(const Error& error);
[[nodiscard]] int http_status(ErrorCode code) noexcept;

// Thread model: synchronized; `handler` is called on the server's threads, several at a time.
class HttpServer {
 public:
  using Handler = std::function<HttpAnswer(const HttpQuestion&)>;
  struct Options {
    std::size_t threads = 4;  // questions answered at the same time
    std::size_t body_bytes_max = 1u << 20;
    std::chrono::milliseconds read_timeout{5000};  // per read of a client
  };
  // On a unix socket, mode 0600: only its owner and root may connect. Replaces a socket file left
  // by an earlier process. Fails with io when it cannot listen, or as SocketPath::of.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> on_socket(
      const std::filesystem::path& socket, const Options& options, Handler handler);
  // On an address as parse_tcp_address() takes it. Fails with bad_input, io.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> on_address(const std::string& address,
                                                                      const Options& options,
                                                                      Handler handler);
  ~HttpServer();  // questions under way are answered first; removes the socket file

  // That was bound; 0 for a unix socket.
  [[nodiscard]] int port() const noexcept;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::control
