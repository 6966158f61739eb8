// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <limits>

#include "devbucket/service.h"

namespace shoal::devbucket {

// Beast's parser, filling an Exchange directly: header fields go into memory that is kept from
// request to request, body pieces to their receiver without being collected. confined.
class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  explicit RequestParser(Exchange& exchange) : exchange_(exchange) {
    header_limit(64u << 10);  // S3 allows 8 KiB of headers; signed URLs can be long too
    // A body goes to disk or is bounded by its receiver. (boost::none means 0 in Beast 1.74.)
    body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;

  static std::string_view std_view(string_view text) { return {text.data(), text.size()}; }

  void on_request_impl(boost::beast::http::verb, string_view method, string_view target, int,
                       error_code&) override {
    exchange_.request.method.assign(method.data(), method.size());
    exchange_.request.target.assign(target.data(), target.size());
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field, string_view name, string_view value,
                     error_code&) override {
    exchange_.request.headers.add(std_view(name), std_view(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override {
    body_bytes_ += body.size();
    if (exchange_.body != nullptr) exchange_.body->feed(std_view(body));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) override {
    return on_body_impl(body, error);
  }
  void on_finish_impl(error_code&) override {}

  Exchange& exchange_;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace shoal::devbucket
