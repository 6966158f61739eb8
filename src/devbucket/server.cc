// SPDX-License-Identifier: Apache-2.0
#include "devbucket/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "devbucket/session.h"

// One io_context per thread, connections dealt out in turn: a connection, its timers and its
// buffers belong to one thread, and the data path takes no lock. Operations that may read a huge
// directory or copy a huge object run on a few workers, so that they hold nobody up.

namespace shoal::devbucket {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kIdleMax = std::chrono::seconds(180);  // longer than clients keep connections
constexpr auto kSweepEvery = std::chrono::seconds(15);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr unsigned kWorkersMin = 2;

// Thousands of connections and their files; the usual soft limit is 1024.
void raise_file_limit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // if it fails, fewer connections are served
}

}  // namespace

struct Server::Impl {
  Impl(std::unique_ptr<Buckets> buckets, ServiceOptions service_options, unsigned thread_count)
      : service(std::move(buckets), std::move(service_options)),
        workers(std::max(thread_count, kWorkersMin)) {
    for (unsigned i = 0; i < thread_count; ++i) {
      loops.push_back(std::make_unique<Loop>());
      sweeps.push_back(std::make_unique<asio::steady_timer>(loops.back()->context));
    }
    acceptor.emplace(loops[0]->context);
    accept_timer.emplace(loops[0]->context);
  }

  void accept() {
    Loop& loop = *loops[next_loop];
    next_loop = (next_loop + 1) % loops.size();
    acceptor->async_accept(
        loop.context, [this, &loop](const boost::system::error_code& error, tcp::socket socket) {
          if (error == asio::error::operation_aborted) return;
          if (error) {  // no descriptor left: connections that end will free some
            accept_timer->expires_after(kAcceptPause);
            accept_timer->async_wait([this](const boost::system::error_code& canceled) {
              if (!canceled) accept();
            });
            return;
          }
          asio::post(loop.context, [this, &loop, socket = std::move(socket)]() mutable {
            boost::system::error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            std::make_shared<Session>(std::move(socket), loop, workers, service)->start();
          });
          accept();
        });
  }

  void sweep(std::size_t index) {
    sweeps[index]->expires_after(kSweepEvery);
    sweeps[index]->async_wait([this, index](const boost::system::error_code& error) {
      if (error) return;
      const TimePoint oldest = system_clock().now() - kIdleMax;
      for (Session* session : loops[index]->sessions) session->close_if_idle(oldest);
      sweep(index);
    });
  }

  // Destroyed from the last to the first: threads have ended by then, sessions die with their
  // loops.
  Service service;
  asio::thread_pool workers;
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::unique_ptr<asio::steady_timer>> sweeps;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> accept_timer;
  std::size_t next_loop = 0;  // confined to the first loop
  std::uint16_t port = 0;
  std::vector<std::jthread> threads;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  SHOAL_TRY(auto buckets, Buckets::open(options.directory, options.invented));
  if (!options.auth.keys_file.empty()) {
    const auto keys = read_keys_file(options.auth.keys_file);
    if (!keys) return fail(Error(keys.error()));
  }
  raise_file_limit();
  const unsigned threads = options.thread_count != 0
                               ? options.thread_count
                               : std::max(1u, std::thread::hardware_concurrency());
  auto impl = std::make_unique<Impl>(
      std::move(buckets),
      ServiceOptions{options.auth, options.faults, options.clock_offset_seconds}, threads);
  const std::string where = options.bind_address + ":" + std::to_string(options.port);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.bind_address, error);
  if (error)
    return fail(ErrorCode::bad_input, "listen on " + where + ": that is no IP address",
                "Give an address of this machine with --bind, for example 127.0.0.1.");
  const tcp::endpoint endpoint(address, options.port);
  impl->acceptor->open(endpoint.protocol(), error);
  if (!error) impl->acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) impl->acceptor->bind(endpoint, error);
  if (!error) impl->acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return fail(ErrorCode::unavailable, "listen on " + where + ": " + error.message(),
                "Choose another port with --port, or --port 0 for a free one.");
  impl->port = impl->acceptor->local_endpoint().port();
  impl->accept();
  for (std::size_t i = 0; i < impl->loops.size(); ++i) {
    impl->sweep(i);
    impl->threads.emplace_back([loop = impl->loops[i].get()] { loop->context.run(); });
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const {
  return impl_->port;
}

std::string Server::counts() const {
  return impl_->service.counters().to_json();
}

void Server::stop() {
  for (auto& loop : impl_->loops) loop->context.stop();
  impl_->threads.clear();  // joins
  impl_->workers.join();
}

}  // namespace shoal::devbucket
