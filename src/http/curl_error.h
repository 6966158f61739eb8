// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

#include "http/transport.h"

namespace shoal::http {

// What became of an exchange that libcurl ended with `code` (not CURLE_OK). `reason`: the text of
// libcurl's error buffer, may be empty. `was_sent`: bytes of the request may have left.
[[nodiscard]] Error curl_error(CURLcode code, std::string_view reason, bool was_sent, Method method,
                               std::string_view url);

}  // namespace shoal::http
