// SPDX-License-Identifier: Apache-2.0
#include "http/transport.h"

#include <strings.h>

#include <algorithm>

namespace shoal::http {
namespace {

constexpr std::size_t kPathBytesShown = 200;

}  // namespace

std::string_view name_of(Method method) noexcept {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::put:
      return "PUT";
    case Method::post:
      return "POST";
    case Method::del:
      return "DELETE";
  }
  return "?";
}

std::string_view ResponseHead::header(std::string_view name) const noexcept {
  for (const Header& header : headers) {
    if (header.name.size() == name.size() &&
        strncasecmp(header.name.data(), name.data(), name.size()) == 0)
      return header.value;
  }
  return {};
}

std::string describe(Method method, std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t scheme_end = url.find("://");
  const std::size_t host_begin = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const std::size_t host_end = std::min(url.find('/', host_begin), url.size());
  std::string_view host = url.substr(host_begin, host_end - host_begin);
  host = host.substr(host.rfind('@') + 1);  // npos + 1 is 0
  std::string_view path = url.substr(host_end);

  std::string text(name_of(method));
  text += ' ';
  text += url.substr(0, host_begin);
  text += host;
  text += path.substr(0, kPathBytesShown);
  if (path.size() > kPathBytesShown) text += "...";
  return text;
}

}  // namespace shoal::http
