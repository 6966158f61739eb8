// SPDX-License-Identifier: Apache-2.0
#include "devbucket/request.h"

#include <algorithm>
#include <array>

#include "store/encoding.h"

namespace shoal::devbucket {
namespace {

// Sub-resources of a bucket that clients ask for and that have no effect here.
constexpr std::array<std::string_view, 31> kBucketProbes = {"accelerate",
                                                            "acl",
                                                            "analytics",
                                                            "bucketInfo",
                                                            "cors",
                                                            "encryption",
                                                            "intelligent-tiering",
                                                            "inventory",
                                                            "lifecycle",
                                                            "logging",
                                                            "metrics",
                                                            "notification",
                                                            "object-lock",
                                                            "ownershipControls",
                                                            "policy",
                                                            "policyStatus",
                                                            "publicAccessBlock",
                                                            "referer",
                                                            "replication",
                                                            "requestPayment",
                                                            "resourceGroup",
                                                            "stat",
                                                            "tagging",
                                                            "transferAcceleration",
                                                            "versioning",
                                                            "versions",
                                                            "website",
                                                            "worm",
                                                            "qosInfo",
                                                            "cname",
                                                            "style"};
constexpr std::array<std::string_view, 10> kObjectProbes = {
    "acl",       "attributes", "legal-hold", "objectMeta", "restore",
    "retention", "select",     "symlink",    "tagging",    "torrent"};

template <std::size_t kCount>
bool has_any(const Request& request, const std::array<std::string_view, kCount>& names) {
  return std::ranges::any_of(request.query, [&](const auto& parameter) {
    return std::ranges::find(names, parameter.first) != names.end();
  });
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes a dotted IPv4 address off the end; false when there is none.
bool remove_address_suffix(std::string_view& host) {
  std::string_view rest = host;
  for (int part = 0; part < 4; ++part) {
    std::size_t digits = 0;
    while (digits < rest.size() && is_digit(rest[rest.size() - 1 - digits])) ++digits;
    if (digits == 0 || digits > 3) return false;
    rest.remove_suffix(digits);
    if (part == 3) break;
    if (rest.empty() || rest.back() != '.') return false;
    rest.remove_suffix(1);
  }
  if (!rest.empty() && rest.back() != '.') return false;
  host = rest;
  return true;
}

void parse_query(Request& request, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value =
        equals < pair.size() ? pair.substr(equals + 1) : std::string_view();
    request.query.emplace_back(store::percent_decode(pair.substr(0, equals), true),
                               store::percent_decode(value, true));
  }
}

Dialect dialect_of(const Request& request) {
  const std::string_view authorization = request.headers.find("authorization");
  if (authorization.starts_with("OSS")) return Dialect::oss;
  if (authorization.starts_with("AWS")) return Dialect::s3;
  for (const auto& [name, value] : request.query) {
    if (name == "OSSAccessKeyId" || name == "x-oss-signature-version") return Dialect::oss;
    if (name == "X-Amz-Algorithm") return Dialect::s3;
  }
  for (std::size_t i = 0; i < request.headers.size(); ++i)
    if (request.headers.name(i).starts_with("x-oss-")) return Dialect::oss;
  return Dialect::s3;
}

void split_bucket(Request& request, const std::function<bool(std::string_view)>& is_bucket) {
  std::string_view path = request.path;
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::string_view by_host = bucket_of_host(request.headers.find("host"), is_bucket);
  if (!by_host.empty()) {
    request.bucket = by_host;
    request.key = path;
    return;
  }
  const std::size_t slash = std::min(path.find('/'), path.size());
  request.bucket = path.substr(0, slash);
  request.key = path.substr(std::min(slash + 1, path.size()));
}

Operation service_operation(const Request& request) {
  return request.method == "GET" ? Operation::list_buckets : Operation::unsupported;
}

Operation bucket_operation(const Request& request) {
  using enum Operation;
  const std::string& method = request.method;
  if (method == "POST") return request.has_param("delete") ? delete_objects : unsupported;
  if (method == "HEAD") return head_bucket;
  if (method == "GET" && request.has_param("location")) return get_location;
  if (method == "GET" && request.has_param("uploads")) return list_uploads;
  if (method == "GET" && request.has_param("list-type")) return list_objects_v2;
  if (has_any(request, kBucketProbes)) return probe_bucket;
  if (method == "GET") return list_objects;
  if (method == "PUT") return create_bucket;
  if (method == "DELETE") return delete_bucket;
  return unsupported;
}

Operation object_operation(const Request& request) {
  using enum Operation;
  const std::string& method = request.method;
  const bool has_upload = request.has_param("uploadId");
  const bool has_source = !request.service_header("copy-source").empty();
  if (has_any(request, kObjectProbes)) return probe_object;
  if (method == "GET") return has_upload ? list_parts : get_object;
  if (method == "HEAD") return head_object;
  if (method == "PUT" && has_upload) return has_source ? upload_part_copy : upload_part;
  if (method == "PUT") return has_source ? copy_object : put_object;
  if (method == "DELETE") return has_upload ? abort_upload : delete_object;
  if (method != "POST") return unsupported;
  if (request.has_param("uploads")) return create_upload;
  if (request.has_param("append")) return append_object;
  return has_upload ? complete_upload : unsupported;
}

Operation operation_of(const Request& request) {
  if (request.bucket == "-") {
    if (request.key == "stats" && request.method == "GET") return Operation::stats;
    if (request.key == "reset" && request.method == "POST") return Operation::reset_stats;
    return Operation::unsupported;
  }
  if (request.bucket.empty()) return service_operation(request);
  return request.key.empty() ? bucket_operation(request) : object_operation(request);
}

}  // namespace

std::string_view name_of(RequestClass kind) {
  constexpr std::array<std::string_view, kRequestClasses> kNames = {"get", "head", "list", "put",
                                                                    "other"};
  return kNames[static_cast<std::size_t>(kind)];
}

RequestClass class_of(Operation operation) {
  using enum Operation;
  switch (operation) {
    case get_object:
      return RequestClass::get;
    case head_object:
    case head_bucket:
      return RequestClass::head;
    case list_objects:
    case list_objects_v2:
      return RequestClass::list;
    case put_object:
    case copy_object:
    case append_object:
    case upload_part:
    case upload_part_copy:
      return RequestClass::put;
    default:
      return RequestClass::other;
  }
}

void HeaderList::add(std::string_view name, std::string_view value) {
  const std::size_t begin = text_.size();
  text_ += name;
  for (std::size_t i = begin; i < text_.size(); ++i)
    if (text_[i] >= 'A' && text_[i] <= 'Z') text_[i] = static_cast<char>(text_[i] - 'A' + 'a');
  text_ += value;
  fields_.push_back({begin, name.size(), value.size()});
}

std::string_view HeaderList::find(std::string_view wanted) const {
  for (std::size_t i = 0; i < fields_.size(); ++i)
    if (fields_[i].name_bytes == wanted.size() && name(i) == wanted) return value(i);
  return {};
}

bool HeaderList::has(std::string_view wanted) const {
  for (std::size_t i = 0; i < fields_.size(); ++i)
    if (name(i) == wanted) return true;
  return false;
}

void Request::clear() {
  method.clear();
  target.clear();
  headers.clear();
  path.clear();
  query.clear();
  bucket.clear();
  key.clear();
  dialect = Dialect::s3;
  operation = Operation::unsupported;
}

const std::string* Request::param(std::string_view name) const {
  for (const auto& parameter : query)
    if (parameter.first == name) return &parameter.second;
  return nullptr;
}

std::string_view Request::service_header(std::string_view name) const {
  const std::string_view prefix = dialect == Dialect::oss ? "x-oss-" : "x-amz-";
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::string_view header = headers.name(i);
    if (header.size() == prefix.size() + name.size() && header.starts_with(prefix) &&
        header.ends_with(name))
      return headers.value(i);
  }
  return {};
}

std::string_view bucket_of_host(std::string_view host,
                                const std::function<bool(std::string_view)>& is_bucket) {
  if (host.starts_with('[')) return {};  // IPv6 literal
  host = host.substr(0, host.find(':'));
  if (host.empty() || host == "localhost") return {};
  constexpr std::string_view kLocal = ".localhost";
  constexpr std::string_view kNip = ".nip.io";
  if (host.ends_with(kLocal)) return host.substr(0, host.size() - kLocal.size());
  for (const std::string_view service : {".s3.", ".s3-", ".oss-"})
    if (const std::size_t at = host.find(service); at != std::string_view::npos)
      return host.substr(0, at);
  std::string_view rest = host;
  if (rest.ends_with(kNip)) rest.remove_suffix(kNip.size());
  if (remove_address_suffix(rest)) {
    if (!rest.empty()) rest.remove_suffix(1);  // the dot before the address
    return rest;
  }
  const std::size_t dot = host.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view label = host.substr(0, dot);
  return is_bucket(label) ? label : std::string_view();
}

void understand(Request& request, const std::function<bool(std::string_view)>& is_bucket) {
  std::string_view target = request.target;
  if (target.starts_with("http://")) {  // the absolute form, as sent to proxies
    const std::size_t path = target.find('/', 7);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = store::percent_decode(target.substr(0, mark), false);
  if (mark < target.size()) parse_query(request, target.substr(mark + 1));
  request.dialect = dialect_of(request);
  split_bucket(request, is_bucket);
  request.operation = operation_of(request);
}

}  // namespace shoal::devbucket
