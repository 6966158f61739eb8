// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace shoal::http {

// A URL taken apart; the parts point into it.
struct UrlParts {
  bool tls = false;
  std::string_view authority;  // "host[:port]", as the Host header says it
  std::string_view host;       // without the brackets of an IPv6 address
  std::uint16_t port = 0;
  std::string_view target;  // "/path?query", never empty; the fragment is dropped
};
// Fails with bad_input, without the URL's text: the caller says which request it was.
[[nodiscard]] Result<UrlParts> parse_url(std::string_view url);

}  // namespace shoal::http
