// SPDX-License-Identifier: Apache-2.0
#include "http/transport.h"

#include <strings.h>

namespace shoal::http {

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

}  // namespace shoal::http
