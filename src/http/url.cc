// SPDX-License-Identifier: Apache-2.0
#include "http/url.h"

#include <algorithm>
#include <charconv>

namespace shoal::http {
namespace {

std::unexpected<Error> refuse(const char* why) {
  return fail(ErrorCode::bad_input, std::string("URL: ") + why, "Check the endpoint's URL");
}

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

}  // namespace

Result<UrlParts> parse_url(std::string_view url) {
  UrlParts parts;
  if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else if (url.starts_with("https://")) {
    parts.tls = true;
    url.remove_prefix(8);
  } else {
    return refuse("it is neither http nor https");
  }
  const std::size_t end = std::min(url.find_first_of("/?#"), url.size());
  parts.authority = url.substr(0, end);
  parts.target = url.substr(end);
  parts.target = parts.target.substr(0, parts.target.find('#'));
  if (parts.target.empty()) parts.target = "/";
  // A space or a line end would make another request of it.
  const bool is_clean = std::ranges::all_of(
      parts.target, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; });
  if (!is_clean || parts.target.front() != '/') return refuse("its path is not percent-encoded");

  std::string_view port;
  if (parts.authority.starts_with('[')) {
    const std::size_t close = parts.authority.find(']');
    if (close == std::string_view::npos) return refuse("its host is not closed by ']'");
    parts.host = parts.authority.substr(1, close - 1);
    port = parts.authority.substr(close + 1);
  } else {
    parts.host = parts.authority.substr(0, parts.authority.find(':'));
    port = parts.authority.substr(parts.host.size());
    if (!std::ranges::all_of(parts.host, is_host_char)) return refuse("its host is no name");
  }
  if (parts.host.empty()) return refuse("it has no host");
  parts.port = parts.tls ? 443 : 80;
  if (!port.empty()) {
    const char* last = port.data() + port.size();
    const auto [read, error] = std::from_chars(port.data() + 1, last, parts.port);
    if (port.front() != ':' || error != std::errc() || read != last || parts.port == 0)
      return refuse("its port is no number");
  }
  return parts;
}

}  // namespace shoal::http
