// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/curl_transport.h"
#include "http/transport.h"

namespace shoal::http {

// Options every handle has, worked out once.
struct HandleDefaults {
  std::string user_agent;
  std::string ca_bundle;
  bool has_proxy_environment = false;
  Patience patience = {};
};

// One easy handle with the memory one exchange needs, used for one exchange after the other:
// options that never change are set once, header nodes keep their memory. confined.
class CurlHandle {
 public:
  [[nodiscard]] static std::unique_ptr<CurlHandle> create(const HandleDefaults& defaults);
  ~CurlHandle();
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;

  [[nodiscard]] CURL* easy() const { return easy_; }
  // The exchange under way, set by the transport.
  std::uint64_t exchange_id = 0;

  // Prepares the next exchange. Until finish(), `request` and `sink` must live. `time_left`: zero
  // for no deadline.
  [[nodiscard]] Result<void> prepare(const Request& request, ResponseSink& sink,
                                     Duration time_left);
  // The sink is called no more, even before libcurl knows.
  void mute() { is_muted_ = true; }
  // The outcome of the exchange that libcurl ended with `code`.
  [[nodiscard]] Result<void> outcome(CURLcode code);
  // Makes the handle ready for the pool.
  void finish();

 private:
  explicit CurlHandle(CURL* easy) : easy_(easy) {}
  void set_defaults(const HandleDefaults& defaults);
  void set_method(const Request& request);
  [[nodiscard]] Result<void> set_headers(const Request& request);
  void add_header_line(std::size_t index, std::string_view name, std::string_view value);

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  [[nodiscard]] bool take_header_line(std::string_view line);
  [[nodiscard]] bool keep(Result<void> sink_result);

  CURL* easy_;
  Patience patience_;
  const Request* request_ = nullptr;
  ResponseSink* sink_ = nullptr;
  std::vector<std::string> header_lines_;
  std::vector<curl_slist> header_nodes_;  // point into header_lines_
  ResponseHead head_;
  bool head_delivered_ = false;
  bool is_muted_ = false;
  std::optional<Error> sink_error_;
  char reason_[CURL_ERROR_SIZE] = {};
};

}  // namespace shoal::http
