// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <httplib.h>

#include <string>

#include "control/socket_path.h"

namespace shoal::control {
namespace {

constexpr const char* kJson = "application/json";

// `send` makes one request with the client it is given. The body of an answer that is no error.
template <typename Send>
Result<std::string> exchange(const std::filesystem::path& socket,
                             std::chrono::milliseconds patience, const Send& send) {
  const auto unreachable = [&](ErrorCode code, const std::string& why) {
    return fail(code, "control socket " + socket.string() + ": " + why,
                "The server may be starting again: try in a moment; its log says more.");
  };
  const auto name = SocketPath::of(socket);
  if (!name) return unreachable(ErrorCode::unavailable, name.error().message());
  httplib::Client http(name->name(), 80);
  http.set_address_family(AF_UNIX);
  http.set_connection_timeout(patience);
  http.set_read_timeout(patience);
  http.set_write_timeout(patience);
  const httplib::Result answer = send(http);
  if (!answer) {
    const bool slow = answer.error() == httplib::Error::Read;
    return unreachable(slow ? ErrorCode::timeout : ErrorCode::unavailable,
                       httplib::to_string(answer.error()));
  }
  if (answer->status >= 300) return fail(decode_error(answer->body));
  return answer->body;
}

}  // namespace

Result<Status> get_status(const std::filesystem::path& socket, std::chrono::milliseconds patience) {
  SHOAL_TRY(const std::string body,
            exchange(socket, patience, [](httplib::Client& http) { return http.Get("/status"); }));
  return decode_status(body);
}

Result<std::string> get_metrics(const std::filesystem::path& socket,
                                std::chrono::milliseconds patience) {
  return exchange(socket, patience, [](httplib::Client& http) { return http.Get("/metrics"); });
}

Result<LogLevel> get_log_level(const std::filesystem::path& socket,
                               std::chrono::milliseconds patience) {
  SHOAL_TRY(const std::string body,
            exchange(socket, patience, [](httplib::Client& http) { return http.Get("/log"); }));
  return decode_log_state(body);
}

Result<void> set_log_level(const std::filesystem::path& socket, LogLevel level,
                           std::chrono::milliseconds patience) {
  SHOAL_TRY([[maybe_unused]] const std::string body,
            exchange(socket, patience, [&](httplib::Client& http) {
              return http.Put("/log", encode_log_level(level), kJson);
            }));
  return {};
}

Result<JobReport> start_job(const std::filesystem::path& socket, const WarmSpec& spec,
                            PathPattern::Syntax syntax, std::chrono::milliseconds patience) {
  const std::string path = "/" + std::string(name_of(spec.action));
  const std::string body = encode_spec(spec, syntax);
  SHOAL_TRY(const std::string answer, exchange(socket, patience, [&](httplib::Client& http) {
              return http.Post(path, body, kJson);
            }));
  return decode_job(answer);
}

Result<JobReport> ask_job(const std::filesystem::path& socket, std::string_view id,
                          std::chrono::milliseconds patience) {
  const std::string path = "/jobs/" + std::string(id);
  SHOAL_TRY(const std::string answer,
            exchange(socket, patience, [&](httplib::Client& http) { return http.Get(path); }));
  return decode_job(answer);
}

Result<JobReport> cancel_job(const std::filesystem::path& socket, std::string_view id,
                             std::chrono::milliseconds patience) {
  const std::string path = "/jobs/" + std::string(id);
  SHOAL_TRY(const std::string answer,
            exchange(socket, patience, [&](httplib::Client& http) { return http.Delete(path); }));
  return decode_job(answer);
}

Result<void> announce_order(const std::filesystem::path& socket, const ReadOrder& order,
                            std::chrono::milliseconds patience) {
  const std::string body = encode_order(order);
  SHOAL_TRY([[maybe_unused]] const std::string answer,
            exchange(socket, patience,
                     [&](httplib::Client& http) { return http.Post("/order", body, kJson); }));
  return {};
}

}  // namespace shoal::control
