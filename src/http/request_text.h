// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "http/transport.h"
#include "http/url.h"

namespace shoal::http {

// The head of an HTTP/1.1 request as it goes over the wire, the empty line included. Fails with
// bad_input for a header that would become two.
[[nodiscard]] Result<std::string> request_text(const Request& request, const UrlParts& url,
                                               std::string_view user_agent);

}  // namespace shoal::http
