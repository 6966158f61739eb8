// SPDX-License-Identifier: Apache-2.0
#include "control/server.h"

#include <unistd.h>

#include <chrono>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "control/announced_orders.h"
#include "control/commands.h"
#include "control/http_listener.h"
#include "control/http_server.h"
#include "control/jobs.h"
#include "control/limits.h"
#include "control/log_control.h"
#include "control/metrics.h"

namespace shoal::control {
namespace {

constexpr const char* kJson = "application/json";

void answer(httplib::Response& response, const Error& error) {
  response.status = http_status(error.code());
  response.set_content(encode_error(error), kJson);
}

void answer(httplib::Response& response, const Result<JobReport>& job, int status) {
  if (!job) {
    answer(response, job.error());
    return;
  }
  response.status = status;
  response.set_content(encode_job(*job), kJson);
}

}  // namespace

class Server::Impl {
 public:
  Impl(std::filesystem::path socket, Volume& volume, StatusSource source)
      : socket_(std::move(socket)),
        source_(std::move(source)),
        started_(std::chrono::steady_clock::now()),
        orders_(volume, socket_.string() + ".orders"),
        jobs_(volume, system_clock()),
        listener_({.threads = limits::kHttpThreads,
                   .body_bytes_max = limits::kBodyBytesMax,
                   .read_timeout = limits::kSocketTimeout}) {
    add_questions();
    add_commands();
    // Also for what no route takes: everything that is refused has a reason.
    http_.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty()) return;
      const Error error(response.status == 413 ? ErrorCode::limit : ErrorCode::not_found,
                        request.method + " " + request.path.substr(0, 100) +
                            (response.status == 413 ? ": the body is too long"
                                                    : ": not answered here (HTTP status " +
                                                          std::to_string(response.status) + ")"),
                        response.status == 413 ? "Name fewer paths in one command."
                                               : "See src/control/commands.h for what is.");
      response.set_content(encode_error(error), kJson);
    });
  }

  Result<void> start() {
    if (auto restored = orders_.restore(); !restored)
      log_event(LogLevel::warning, "order.lost", {{"error", restored.error().to_string()}});
    return listener_.listen_on(socket_);
  }

 private:
  void add_questions() {
    http_.Get("/status", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(encode_status(current()), kJson);
    });
    http_.Get("/prefetch", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(encode_prefetch(current().prefetch), kJson);
    });
    http_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(server_metrics(current()), kMetricsContentType);
    });
    http_.Get("/log", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(log_state(), kJson);
    });
    http_.Get("/jobs", [this](const httplib::Request&, httplib::Response& response) {
      std::string text;
      for (const JobReport& job : jobs_.list()) text += (text.empty() ? "" : ",") + encode_job(job);
      response.set_content("{\"jobs\":[" + text + "]}", kJson);
    });
    http_.Get("/jobs/([^/]+)", [this](const httplib::Request& request, httplib::Response& out) {
      answer(out, jobs_.ask(request.matches[1].str()), 200);
    });
  }

  void add_commands() {
    http_.Delete("/jobs/([^/]+)", [this](const httplib::Request& request, httplib::Response& out) {
      answer(out, jobs_.cancel(request.matches[1].str()), 200);
    });
    for (const auto action :
         {WarmSpec::Action::warm, WarmSpec::Action::check, WarmSpec::Action::unpin})
      http_.Post("/" + std::string(name_of(action)),
                 [this, action](const httplib::Request& request, httplib::Response& response) {
                   auto spec = decode_spec(action, request.body);
                   if (!spec)
                     answer(response, spec.error());
                   else
                     answer(response, jobs_.start(std::move(*spec)), 202);
                 });
    http_.Put("/log", [](const httplib::Request& request, httplib::Response& response) {
      const auto changed = change_log_level(request.body);
      if (!changed)
        answer(response, changed.error());
      else
        response.set_content(*changed, kJson);
    });
    http_.Post("/order", [this](const httplib::Request& request, httplib::Response& response) {
      const auto order = decode_order(request.body);
      const auto announced = order ? orders_.announce(*order) : Result<void>(fail(order.error()));
      if (!announced)
        answer(response, announced.error());
      else
        response.set_content("{}", kJson);
    });
  }

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
  AnnouncedOrders orders_;
  Jobs jobs_;
  HttpListener listener_;  // last: its threads use the above
  httplib::Server& http_ = listener_.http();
};

Result<std::unique_ptr<Server>> Server::start(const std::filesystem::path& socket, Volume& volume,
                                              StatusSource source) {
  auto impl = std::make_unique<Impl>(socket, volume, std::move(source));
  if (auto started = impl->start(); !started) return fail(std::move(started).error());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

}  // namespace shoal::control
