// SPDX-License-Identifier: Apache-2.0
#include "http/curl_handle.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/limits.h"
#include "http/curl_error.h"

namespace shoal::http {
namespace {

// One read of a socket. libcurl allocates it for each transfer: below malloc's mmap threshold.
constexpr long kReceiveBufferBytes = 64 << 10;

long milliseconds(Duration duration) {
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

long seconds(Duration duration) {
  return static_cast<long>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// "HTTP/1.1 206 Partial Content" -> 206; 0 when it cannot be read.
int parse_status(std::string_view line) {
  const std::size_t space = line.find(' ');
  int status = 0;
  if (space != std::string_view::npos)
    std::from_chars(line.data() + space + 1, line.data() + line.size(), status);
  return status;
}

// Headers libcurl would add unasked; a line "Name:" forbids it. A caller's own header of that name
// takes the place of the line.
constexpr std::array<std::string_view, 3> kForbidden = {"Accept", "Expect", "Content-Type"};

}  // namespace

std::unique_ptr<CurlHandle> CurlHandle::create(const HandleDefaults& defaults) {
  CURL* easy = curl_easy_init();
  if (easy == nullptr) return nullptr;
  std::unique_ptr<CurlHandle> handle(new CurlHandle(easy));
  handle->set_defaults(defaults);
  return handle;
}

CurlHandle::~CurlHandle() {
  curl_easy_cleanup(easy_);
}

void CurlHandle::set_defaults(const HandleDefaults& defaults) {
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, reason_);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &CurlHandle::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &CurlHandle::on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, defaults.user_agent.c_str());
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(limits::kConnectTimeout));
  // Object services move their names to other machines within minutes.
  curl_easy_setopt(easy_, CURLOPT_DNS_CACHE_TIMEOUT, 45L);
  curl_easy_setopt(easy_, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
  curl_easy_setopt(easy_, CURLOPT_MAXLIFETIME_CONN, 300L);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
  patience_ = defaults.patience;
  if (!defaults.ca_bundle.empty())
    curl_easy_setopt(easy_, CURLOPT_CAINFO, defaults.ca_bundle.c_str());
  // An empty proxy saves libcurl half a dozen getenv calls for each exchange.
  if (!defaults.has_proxy_environment) curl_easy_setopt(easy_, CURLOPT_PROXY, "");
}

Result<void> CurlHandle::prepare(const Request& request, ResponseSink& sink, Duration time_left) {
  request_ = &request;
  sink_ = &sink;
  SHOAL_CHECK_OK(set_headers(request));
  if (const CURLcode code = curl_easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
      code != CURLE_OK)
    return fail(curl_error(code, {}, /*was_sent=*/false, request.method, request.url));
  set_method(request);
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, milliseconds(time_left));
  // libcurl knows one patience for sending, storing and answering: the longest.
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME,
                   seconds(request.body.empty() ? patience_.stall : patience_.answer));
  return {};
}

void CurlHandle::set_method(const Request& request) {
  const char* custom = nullptr;
  curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);  // also takes back what other methods set
  switch (request.method) {
    case Method::get:
      break;
    case Method::head:
      curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
      break;
    case Method::del:
      custom = "DELETE";
      break;
    case Method::put:
      custom = "PUT";
      [[fallthrough]];
    case Method::post:
      // Fields rather than a read callback: libcurl can send them again by itself when a kept
      // connection turns out to be closed.
      curl_easy_setopt(easy_, CURLOPT_POST, 1L);
      curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(easy_, CURLOPT_POSTFIELDS,
                       request.body.empty() ? "" : as_text(request.body).data());
      break;
  }
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, custom);
}

void CurlHandle::add_header_line(std::size_t index, std::string_view name, std::string_view value) {
  if (header_lines_.size() <= index) header_lines_.emplace_back();
  std::string& line = header_lines_[index];
  line.assign(name);
  if (value.empty()) {
    line += ';';  // libcurl's way to write a header without a value
  } else {
    line += ": ";
    line += value;
  }
}

Result<void> CurlHandle::set_headers(const Request& request) {
  constexpr std::string_view kLineEnds("\r\n\0", 3);
  std::size_t count = 0;
  for (const Header& header : request.headers) {
    if (header.name.find_first_of(kLineEnds) != std::string::npos ||
        header.value.find_first_of(kLineEnds) != std::string::npos)
      return fail(ErrorCode::bad_input,
                  describe(request.method, request.url) + ": header " +
                      header.name.substr(0, header.name.find_first_of(kLineEnds)) +
                      " contains a line end");
    add_header_line(count++, header.name, header.value);
  }
  for (const std::string_view name : kForbidden) {
    const bool is_given = std::any_of(
        request.headers.begin(), request.headers.end(),
        [name](const Header& header) { return equal_ignoring_case(header.name, name); });
    if (is_given) continue;
    add_header_line(count, name, {});
    header_lines_[count++].back() = ':';
  }
  // libcurl reads the list and never frees it, so its nodes may lie in an array.
  header_nodes_.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    header_nodes_[i] = {header_lines_[i].data(), i + 1 < count ? &header_nodes_[i + 1] : nullptr};
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_nodes_.data());
  return {};
}

Result<void> CurlHandle::outcome(CURLcode code) {
  // The sink's error first: libcurl only knows that a callback refused bytes.
  if (sink_error_) return fail(*std::exchange(sink_error_, std::nullopt));
  if (code == CURLE_OK && head_delivered_) return {};
  if (code == CURLE_OK) code = CURLE_WEIRD_SERVER_REPLY;
  curl_off_t sent_at = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &sent_at);
  return fail(curl_error(code, reason_, /*was_sent=*/sent_at > 0, request_->method, request_->url));
}

void CurlHandle::finish() {
  request_ = nullptr;
  sink_ = nullptr;
  head_.status = 0;
  head_.headers.clear();
  head_delivered_ = false;
  is_muted_ = false;
  sink_error_.reset();
  reason_[0] = '\0';
}

std::size_t CurlHandle::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  const std::size_t bytes = size * count;
  const bool wanted = static_cast<CurlHandle*>(self)->take_header_line({data, bytes});
  return wanted ? bytes : 0;
}

std::size_t CurlHandle::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  const std::size_t bytes = size * count;
  auto& handle = *static_cast<CurlHandle*>(self);
  if (handle.is_muted_) return 0;
  return handle.keep(handle.sink_->on_body(as_bytes({data, bytes}))) ? bytes : 0;
}

// Lines of one response: status line, headers, an empty line; 1xx responses come before the real
// one, trailers after the body.
bool CurlHandle::take_header_line(std::string_view line) {
  if (is_muted_) return false;
  if (head_delivered_) return true;
  if (line.starts_with("HTTP/")) {
    head_.status = parse_status(line);
    head_.headers.clear();
    return true;
  }
  line = trim(line);
  if (line.empty()) {
    if (head_.status < 200) return true;
    head_delivered_ = true;
    return keep(sink_->on_head(head_));
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  head_.headers.push_back(
      {std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
  return true;
}

bool CurlHandle::keep(Result<void> sink_result) {
  if (sink_result) return true;
  sink_error_ = std::move(sink_result).error();
  return false;
}

}  // namespace shoal::http
