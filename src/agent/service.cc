// SPDX-License-Identifier: Apache-2.0
#include "agent/service.h"

#include "agent/limits.h"
#include "agent/requests.h"
#include "base/log.h"
#include "base/metrics.h"
#include "control/log_control.h"

namespace shoal::agent {
namespace {

constexpr const char* kDone = "{}";

Result<std::string> done(const Result<void>& result) {
  if (!result) return fail(result.error());
  return kDone;
}

Error no_such(const control::HttpQuestion& question) {
  return Error(
      ErrorCode::not_found,
      question.method.substr(0, 20) + " " + question.path.substr(0, 100) + ": not answered here",
      "See src/agent/README.md for what is.");
}

}  // namespace

control::HttpAnswer Service::answer(const control::HttpQuestion& question) {
  if (question.method == "GET" && question.path == "/metrics") return answer_public(question);
  auto body = carry_out(question);
  if (body) return {.status = 200, .body = std::move(*body)};
  if (question.method != "GET")
    log_event(LogLevel::info, "request.refused",
              {{"path", question.path.substr(0, 100)},
               {"error", body.error().to_string()},
               {"request_id", question.request_id}});
  return control::answer_of(body.error());
}

control::HttpAnswer Service::answer_public(const control::HttpQuestion& question) {
  if (question.method == "GET" && question.path == "/metrics")
    return {.status = 200, .body = metrics_(), .content_type = kMetricsContentType};
  if (question.method == "GET" && question.path == "/healthz") {
    auto well = agent_.check();
    return well ? control::HttpAnswer{} : control::answer_of(well.error());
  }
  return control::answer_of(no_such(question));
}

Result<std::string> Service::attach(const control::HttpQuestion& question) {
  SHOAL_TRY(auto request, decode_attach(question.body));
  // Who waits holds a thread: when too many do, the others are told how far it is, and ask again.
  struct Place {
    std::atomic<std::size_t>& waiters;
    const std::size_t before = waiters++;
    ~Place() { --waiters; }
  };
  const Place place{waiters_};
  if (place.before >= limits::kWaitersMax) request.wait = {};
  SHOAL_TRY(const VolumeReport report, agent_.attach(request, question.request_id));
  return encode_report(report);
}

Result<std::string> Service::carry_out(const control::HttpQuestion& question) {
  const std::string& cause = question.request_id;
  if (question.method == "POST") {
    if (question.path == "/attach") return attach(question);
    if (question.path == "/detach") {
      SHOAL_TRY(const std::string id, decode_detach(question.body));
      return done(agent_.detach(id, cause));
    }
    if (question.path == "/publish") {
      SHOAL_TRY(const auto request, decode_publish(question.body));
      return done(agent_.publish(request, cause));
    }
    if (question.path == "/unpublish") {
      SHOAL_TRY(const auto request, decode_unpublish(question.body));
      return done(agent_.unpublish(request, cause));
    }
  } else if (question.method == "PUT" && question.path == "/log") {
    return control::change_log_level(question.body);
  } else if (question.method == "GET") {
    if (question.path == "/log") return control::log_state();
    if (question.path == "/healthz") return done(agent_.check());
    if (question.path == "/volumes") {
      const std::string id = question.parameter("id");
      if (id.empty()) return encode_reports(agent_.list());
      SHOAL_TRY(const VolumeReport report, agent_.report(id));
      return encode_report(report);
    }
  }
  return fail(no_such(question));
}

}  // namespace shoal::agent
