// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A request as the services see it: parsed target, bucket and key from path or host, and which
// operation it asks for. confined.

namespace shoal::devbucket {

enum class Dialect { s3, oss };

// What requests are counted, shaped and made to fail by.
enum class RequestClass { get, head, list, put, other };
inline constexpr std::size_t kRequestClasses = 5;
[[nodiscard]] std::string_view name_of(RequestClass kind);

enum class Operation {
  list_buckets,
  create_bucket,
  delete_bucket,
  head_bucket,
  get_location,
  probe_bucket,
  list_objects,
  list_objects_v2,
  delete_objects,
  list_uploads,
  get_object,
  head_object,
  put_object,
  copy_object,
  delete_object,
  append_object,
  probe_object,
  create_upload,
  upload_part,
  upload_part_copy,
  complete_upload,
  abort_upload,
  list_parts,
  stats,
  reset_stats,
  unsupported,
};
[[nodiscard]] RequestClass class_of(Operation operation);

// Headers in one piece of memory that is kept from request to request. Names are lower case.
class HeaderList {
 public:
  void clear() {
    text_.clear();
    fields_.clear();
  }
  void add(std::string_view name, std::string_view value);
  // The value of the first header of that (lower-case) name; empty when there is none.
  [[nodiscard]] std::string_view find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  [[nodiscard]] std::string_view name(std::size_t i) const {
    return std::string_view(text_).substr(fields_[i].begin, fields_[i].name_bytes);
  }
  [[nodiscard]] std::string_view value(std::size_t i) const {
    return std::string_view(text_).substr(fields_[i].begin + fields_[i].name_bytes,
                                          fields_[i].value_bytes);
  }

 private:
  struct Field {
    std::size_t begin;
    std::size_t name_bytes;
    std::size_t value_bytes;
  };
  std::string text_;
  std::vector<Field> fields_;
};

struct Request {
  std::string method;
  std::string target;  // as sent
  HeaderList headers;

  // Filled by understand().
  std::string path;                                        // decoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded
  Dialect dialect = Dialect::s3;
  std::string bucket;  // empty: the service
  std::string key;     // empty: the bucket
  Operation operation = Operation::unsupported;

  // Forgets everything but keeps the memory.
  void clear();
  // The value of a query parameter, or null.
  [[nodiscard]] const std::string* param(std::string_view name) const;
  [[nodiscard]] bool has_param(std::string_view name) const { return param(name) != nullptr; }
  // "x-amz-NAME" or "x-oss-NAME", by dialect.
  [[nodiscard]] std::string_view service_header(std::string_view name) const;
};

// Fills in the second half of a request from the first. `is_bucket` says whether a bucket of that
// name exists; it decides whether the first label of a host name is one.
void understand(Request& request, const std::function<bool(std::string_view)>& is_bucket);

// The bucket a host name addresses, or empty when it addresses the whole service: all of what
// precedes ".localhost", "A.B.C.D.nip.io", or the services' own ".s3.", ".s3-" and ".oss-";
// otherwise the first label if it is a bucket.
[[nodiscard]] std::string_view bucket_of_host(
    std::string_view host, const std::function<bool(std::string_view)>& is_bucket);

}  // namespace shoal::devbucket
