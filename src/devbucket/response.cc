// SPDX-License-Identifier: Apache-2.0
#include "devbucket/response.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "devbucket/invented.h"
#include "devbucket/xml.h"
#include "store/encoding.h"

namespace shoal::devbucket {

std::int64_t ObjectBytes::read(std::uint64_t offset, std::span<char> target) const {
  if (const auto* key = std::get_if<std::string>(&source_)) {
    invented_content(*key, offset, target);
    return static_cast<std::int64_t>(target.size());
  }
  const auto* file = std::get_if<UniqueFd>(&source_);
  if (file == nullptr) return -1;
  std::size_t done = 0;
  while (done < target.size()) {
    const ssize_t count = ::pread(file->get(), target.data() + done, target.size() - done,
                                  static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return static_cast<std::int64_t>(done);
}

void Response::add_header(std::string_view name, std::string_view value) {
  headers += name;
  headers += ": ";
  // A stored value must not be able to end its line and start another.
  for (const char c : value)
    if (c != '\r' && c != '\n') headers += c;
  headers += "\r\n";
}

void Response::add_header(std::string_view name, std::uint64_t value) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  add_header(name, std::string_view(digits.data(), end));
}

void Response::set_xml(std::string xml) {
  body = std::move(xml);
  headers += "Content-Type: application/xml\r\n";
}

Response error_response(const ApiError& error, const Request& request,
                        std::string_view request_id) {
  std::string xml(kXmlDeclaration);
  xml += "<Error>";
  append_element(xml, "Code", error.code);
  append_element(xml, "Message", error.message);
  append_element(xml, "RequestId", request_id);
  append_element(xml, "HostId", "shoal-devbucket");
  if (!request.bucket.empty()) append_element(xml, "BucketName", request.bucket);
  if (!request.key.empty()) append_element(xml, "Key", request.key);
  append_element(xml, "Resource", request.path);
  xml += error.elements;
  xml += "</Error>";
  Response response;
  response.status = error.status;
  response.headers = error.headers;
  if (request.dialect == Dialect::oss) {
    response.add_header("x-oss-ec", "0000-00000000");
    if (request.method == "HEAD") response.add_header("x-oss-err", store::base64(xml));
  }
  if (error.status != 304 && request.method != "HEAD") response.set_xml(std::move(xml));
  return response;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 416:
      return "Range Not Satisfiable";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Unknown";
  }
}

}  // namespace shoal::devbucket
