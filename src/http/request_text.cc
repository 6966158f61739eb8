// SPDX-License-Identifier: Apache-2.0
#include "http/request_text.h"

#include <strings.h>

#include <algorithm>

namespace shoal::http {
namespace {

constexpr std::string_view kLineEnds("\r\n\0", 3);

bool has_header(const Request& request, std::string_view name) {
  return std::ranges::any_of(request.headers, [name](const Header& header) {
    return header.name.size() == name.size() &&
           strncasecmp(header.name.data(), name.data(), name.size()) == 0;
  });
}

void add_line(std::string& text, std::string_view name, std::string_view value) {
  text += name;
  text += ':';
  if (!value.empty()) text += ' ';
  text += value;
  text += "\r\n";
}

}  // namespace

Result<std::string> request_text(const Request& request, const UrlParts& url,
                                 std::string_view user_agent) {
  std::size_t bytes = url.target.size() + url.authority.size() + user_agent.size() + 128;
  for (const Header& header : request.headers)
    bytes += header.name.size() + header.value.size() + 4;
  std::string text;
  text.reserve(bytes);
  text += name_of(request.method);
  text += ' ';
  text += url.target;
  text += " HTTP/1.1\r\n";
  if (!has_header(request, "Host")) add_line(text, "Host", url.authority);
  for (const Header& header : request.headers) {
    if (header.name.find_first_of(kLineEnds) != std::string::npos ||
        header.value.find_first_of(kLineEnds) != std::string::npos)
      return fail(ErrorCode::bad_input,
                  "header " + header.name.substr(0, header.name.find_first_of(kLineEnds)) +
                      " contains a line end");
    add_line(text, header.name, header.value);
  }
  if (!has_header(request, "User-Agent")) add_line(text, "User-Agent", user_agent);
  if (request.method == Method::put || request.method == Method::post)
    add_line(text, "Content-Length", std::to_string(request.body.size()));
  text += "\r\n";
  return text;
}

}  // namespace shoal::http
