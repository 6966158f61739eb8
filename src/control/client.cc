// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <string>

#include "control/http_client.h"

namespace shoal::control {
namespace {

Result<std::string> exchange(const std::filesystem::path& socket,
                             std::chrono::milliseconds patience, const HttpCall& call) {
  return http_call(
      {.socket = socket,
       .name = "control socket",
       .remedy = "The server may be starting again: try in a moment; its log says more."},
      patience, call);
}

}  // namespace

Result<Status> get_status(const std::filesystem::path& socket, std::chrono::milliseconds patience) {
  SHOAL_TRY(const std::string body,
            exchange(socket, patience, {.method = "GET", .path = "/status"}));
  return decode_status(body);
}

Result<std::string> get_metrics(const std::filesystem::path& socket,
                                std::chrono::milliseconds patience) {
  return exchange(socket, patience, {.method = "GET", .path = "/metrics"});
}

Result<LogLevel> get_log_level(const std::filesystem::path& socket,
                               std::chrono::milliseconds patience) {
  SHOAL_TRY(const std::string body, exchange(socket, patience, {.method = "GET", .path = "/log"}));
  return decode_log_state(body);
}

Result<void> set_log_level(const std::filesystem::path& socket, LogLevel level,
                           std::chrono::milliseconds patience) {
  SHOAL_TRY([[maybe_unused]] const std::string body,
            exchange(socket, patience,
                     {.method = "PUT", .path = "/log", .body = encode_log_level(level)}));
  return {};
}

Result<JobReport> start_job(const std::filesystem::path& socket, const WarmSpec& spec,
                            PathPattern::Syntax syntax, std::chrono::milliseconds patience) {
  const std::string path = "/" + std::string(name_of(spec.action));
  const std::string body = encode_spec(spec, syntax);
  SHOAL_TRY(const std::string answer,
            exchange(socket, patience, {.method = "POST", .path = path, .body = body}));
  return decode_job(answer);
}

Result<JobReport> ask_job(const std::filesystem::path& socket, std::string_view id,
                          std::chrono::milliseconds patience) {
  const std::string path = "/jobs/" + std::string(id);
  SHOAL_TRY(const std::string answer, exchange(socket, patience, {.method = "GET", .path = path}));
  return decode_job(answer);
}

Result<JobReport> cancel_job(const std::filesystem::path& socket, std::string_view id,
                             std::chrono::milliseconds patience) {
  const std::string path = "/jobs/" + std::string(id);
  SHOAL_TRY(const std::string answer,
            exchange(socket, patience, {.method = "DELETE", .path = path}));
  return decode_job(answer);
}

Result<void> announce_order(const std::filesystem::path& socket, const ReadOrder& order,
                            std::chrono::milliseconds patience) {
  const std::string body = encode_order(order);
  SHOAL_TRY([[maybe_unused]] const std::string answer,
            exchange(socket, patience, {.method = "POST", .path = "/order", .body = body}));
  return {};
}

}  // namespace shoal::control
