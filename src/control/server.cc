// SPDX-License-Identifier: Apache-2.0
#include "control/server.h"

#include <httplib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

namespace shoal::control {
namespace {

constexpr std::size_t kSocketPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

class Server::Impl {
 public:
  Impl(std::filesystem::path socket, StatusSource source)
      : socket_(std::move(socket)),
        source_(std::move(source)),
        started_(std::chrono::steady_clock::now()) {
    http_.set_address_family(AF_UNIX);
    // One request at a time is plenty for people and scrapers, and bounds what they can cost.
    http_.new_task_queue = [] { return new httplib::ThreadPool(1); };  // owned by the library
    http_.set_read_timeout(5);
    http_.set_write_timeout(5);
    http_.set_keep_alive_max_count(1);
    http_.set_payload_max_length(64 << 10);
    http_.Get("/status", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(encode_status(current()), "application/json");
    });
    http_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(prometheus_text(current()), "text/plain; version=0.0.4");
    });
  }

  Result<void> start() {
    unlink(socket_.c_str());
    // Created under a mask, so that there is no moment in which others could connect.
    const mode_t mask = umask(0177);
    const bool bound = http_.bind_to_port(socket_.string(), 80);
    umask(mask);
    if (!bound)
      return fail(ErrorCode::io, "control socket " + socket_.string() + ": cannot be bound",
                  "Check that its directory exists and can be written.");
    thread_ = std::thread([this] { http_.listen_after_bind(); });
    return {};
  }

  ~Impl() {
    if (!thread_.joinable()) return;
    // stop() before the loop runs would be lost.
    while (!http_.is_running()) std::this_thread::yield();
    http_.stop();
    thread_.join();
    unlink(socket_.c_str());
  }

 private:
  Status current() const {
    Status status = source_();
    status.server_pid = static_cast<std::uint64_t>(getpid());
    status.uptime_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    return status;
  }

  std::filesystem::path socket_;
  StatusSource source_;
  std::chrono::steady_clock::time_point started_;
  httplib::Server http_;
  std::thread thread_;
};

Result<std::unique_ptr<Server>> Server::start(const std::filesystem::path& socket,
                                              StatusSource source) {
  if (socket.string().size() > kSocketPathBytesMax)
    return fail(ErrorCode::bad_input,
                "control socket " + socket.string() + ": path longer than a unix socket may have",
                "Use a runtime directory with a shorter name.");
  auto impl = std::make_unique<Impl>(socket, std::move(source));
  if (auto started = impl->start(); !started) return fail(std::move(started).error());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

}  // namespace shoal::control
