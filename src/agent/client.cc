// SPDX-License-Identifier: Apache-2.0
#include "agent/client.h"

#include <fmt/format.h>

#include "agent/requests.h"
#include "control/http_client.h"

namespace shoal::agent {
namespace {

// An id as part of an address: RFC 3986.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    result += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

}  // namespace

Client::Client(std::filesystem::path socket, std::chrono::milliseconds patience,
               std::string request_id)
    : socket_(std::move(socket)), patience_(patience), request_id_(std::move(request_id)) {}

Result<std::string> Client::call(const char* method, const std::string& path, std::string body,
                                 std::chrono::milliseconds patience) const {
  return control::http_call(
      {.socket = socket_,
       .name = "agent's socket",
       .remedy =
           "Is `shoal agent` running on this node? Try again in a moment; its log says more."},
      patience,
      {.method = method, .path = path, .body = std::move(body), .request_id = request_id_});
}

Result<VolumeReport> Client::attach(const Attach& request) const {
  SHOAL_CHECK_OK(check_id(request.id));
  SHOAL_TRY(const std::string answer,
            call("POST", "/attach", encode_attach(request), patience_ + request.wait));
  return decode_report(answer);
}

Result<void> Client::detach(const std::string& id) const {
  SHOAL_CHECK_OK(check_id(id));
  SHOAL_CHECK_OK(call("POST", "/detach", encode_detach(id), patience_));
  return {};
}

Result<void> Client::publish(const Publish& request) const {
  SHOAL_CHECK_OK(check_id(request.id));
  SHOAL_CHECK_OK(call("POST", "/publish", encode_publish(request), patience_));
  return {};
}

Result<void> Client::unpublish(const std::string& id, const std::filesystem::path& target) const {
  SHOAL_CHECK_OK(check_id(id));
  SHOAL_CHECK_OK(
      call("POST", "/unpublish", encode_unpublish({.id = id, .target = target}), patience_));
  return {};
}

Result<VolumeReport> Client::report(const std::string& id) const {
  SHOAL_CHECK_OK(check_id(id));
  SHOAL_TRY(const std::string answer, call("GET", "/volumes?id=" + escaped(id), {}, patience_));
  return decode_report(answer);
}

Result<std::vector<VolumeReport>> Client::list() const {
  SHOAL_TRY(const std::string answer, call("GET", "/volumes", {}, patience_));
  return decode_reports(answer);
}

Result<void> Client::ping() const {
  SHOAL_CHECK_OK(call("GET", "/healthz", {}, patience_));
  return {};
}

}  // namespace shoal::agent
