// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "devbucket/api_error.h"
#include "devbucket/request.h"
#include "devbucket/unique_fd.h"

namespace shoal::devbucket {

// Bytes of an object: an open file, or an invented key.
class ObjectBytes {
 public:
  ObjectBytes() = default;
  explicit ObjectBytes(UniqueFd file) : source_(std::move(file)) {}
  explicit ObjectBytes(std::string invented_key) : source_(std::move(invented_key)) {}

  // Fills `target` with the bytes from `offset` on; the number read, short at the end of a file, -1
  // when the disk failed.
  [[nodiscard]] std::int64_t read(std::uint64_t offset, std::span<char> target) const;
  [[nodiscard]] bool is_none() const { return std::holds_alternative<std::monostate>(source_); }

 private:
  std::variant<std::monostate, UniqueFd, std::string> source_;
};

// An answer without the parts that every answer has (Date, request id, length, connection).
// confined.
struct Response {
  int status = 200;
  std::string headers;  // lines, each ending in CRLF
  std::string body;     // unless `bytes` holds something
  ObjectBytes bytes;
  std::uint64_t bytes_offset = 0;
  std::uint64_t bytes_length = 0;

  void add_header(std::string_view name, std::string_view value);
  void add_header(std::string_view name, std::uint64_t value);
  void set_xml(std::string xml);
};

// The error as XML (and, for HEAD requests to OSS, in the headers).
[[nodiscard]] Response error_response(const ApiError& error, const Request& request,
                                      std::string_view request_id);
[[nodiscard]] std::string_view reason_of(int status);

}  // namespace shoal::devbucket
