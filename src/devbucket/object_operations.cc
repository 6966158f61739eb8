// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "devbucket/byte_range.h"
#include "devbucket/copy_source.h"
#include "devbucket/dates.h"
#include "devbucket/documents.h"
#include "devbucket/object_source.h"
#include "devbucket/service.h"
#include "devbucket/xml.h"
#include "store/encoding.h"

// Operations on single objects, but for multipart uploads.

namespace shoal::devbucket {
namespace {

constexpr std::uint64_t kAppendBytesMax = 5ull << 30;

void add_object_headers(Response& response, const ObjectSource& source, const Request& request) {
  const bool is_oss = request.dialect == Dialect::oss;
  std::string text;
  append_http_date(text, source.mtime_seconds);
  response.add_header("Last-Modified", text);
  response.add_header("ETag", quoted_etag(source.meta.etag, request.dialect));
  response.headers += "Accept-Ranges: bytes\r\n";
  constexpr std::array<std::string_view, 6> kOverridable = {
      "cache-control",    "content-disposition", "content-encoding",
      "content-language", "content-type",        "expires"};
  const auto overridden = [&](std::string_view name) -> const std::string* {
    if (request.query.empty() || std::ranges::find(kOverridable, name) == kOverridable.end())
      return nullptr;
    return request.param("response-" + std::string(name));
  };
  bool has_type = false;
  for (const auto& [name, value] : source.meta.headers) {
    if (overridden(name) != nullptr) continue;
    has_type = has_type || name == "content-type";
    if (name.starts_with("meta-"))
      response.add_header((is_oss ? "x-oss-" : "x-amz-") + name, value);
    else
      response.add_header(name, value);
  }
  if (!request.query.empty())
    for (const std::string_view name : kOverridable)
      if (const std::string* value = overridden(name)) {
        response.add_header(name, *value);
        has_type = has_type || name == "content-type";
      }
  if (!has_type)
    response.add_header("Content-Type",
                        is_oss ? "application/octet-stream" : "binary/octet-stream");
  if (!is_oss) return;
  response.add_header("x-oss-object-type", oss_name(source.meta.type));
  response.add_header("x-oss-storage-class", "Standard");
  if (source.meta.type == ObjectType::appendable)
    response.add_header("x-oss-next-append-position", source.size_bytes);
  if (source.meta.crc64) response.add_header("x-oss-hash-crc64ecma", *source.meta.crc64);
}

void add_content_range(Response& response, const ByteRange& range, std::uint64_t size) {
  response.add_header("Content-Range", "bytes " + std::to_string(range.offset) + "-" +
                                           std::to_string(range.offset + range.length - 1) + "/" +
                                           std::to_string(size));
}

// The first append makes the object.
ApiResult<ObjectMeta> start_appendable(DiskBucket& bucket, std::string_view key, BodyReceiver& body,
                                       std::vector<std::pair<std::string, std::string>> headers) {
  ObjectMeta meta{body.md5_hex(), ObjectType::appendable, body.crc64(), std::move(headers)};
  auto etag = bucket.commit(key, body.take_staged(), meta, /*condition=*/nullptr);
  if (!etag) return refuse(std::move(etag).error());
  return meta;
}

// Later ones lengthen it in place: the cost of an append must not grow with the object. A reader is
// answered with the length it saw when it opened the object.
ApiResult<ObjectMeta> append_to(DiskBucket& bucket, std::string_view key, BodyReceiver& body,
                                const ObjectMeta& old) {
  auto object = bucket.open(key, O_RDWR | O_APPEND);
  if (!object) return refuse(std::move(object).error());
  DiskBucket::Staged piece = body.take_staged();
  ObjectSource addition;
  addition.bytes = ObjectBytes(std::move(piece.file));
  bucket.discard(piece);
  CopySums sums;
  sums.crc64 = Crc64Xz(old.crc64.value_or(0));
  if (auto done = append_range(addition, 0, body.size_bytes(), object->file.get(), sums); !done) {
    // Back to what the record describes; if even that fails the file is nobody's appendable object.
    if (::ftruncate(object->file.get(), object->stat.st_size) != 0)
      return refuse(std::move(done).error());
    if (auto kept = bucket.update_meta(*object, old); !kept) return refuse(std::move(kept).error());
    return refuse(std::move(done).error());
  }
  ObjectMeta meta = old;
  meta.etag = store::hex(store::md5(old.etag + body.md5_hex()));
  meta.crc64 = sums.crc64.value();
  if (auto kept = bucket.update_meta(*object, meta); !kept) return refuse(std::move(kept).error());
  return meta;
}

}  // namespace

Service::Answer Service::get_object(const Exchange& exchange) {
  const Request& request = exchange.request;
  auto source = open_source(exchange.bucket, request.key);
  if (!source) return refuse(std::move(source).error());
  auto conditions = check_conditions(request, "", source->meta.etag, source->mtime_seconds);
  if (!conditions) {
    ApiError error = std::move(conditions).error();
    error.headers += "ETag: " + quoted_etag(source->meta.etag, request.dialect) + "\r\n";
    return refuse(std::move(error));
  }
  const bool is_lenient =
      request.dialect == Dialect::oss && request.headers.find("x-oss-range-behavior") != "standard";
  const ByteRange range = parse_range(request.headers.find("range"), source->size_bytes,
                                      is_lenient ? RangeRules::oss_lenient : RangeRules::standard);
  if (range.kind == RangeKind::unsatisfiable) {
    ApiError error{416,
                   "InvalidRange",
                   "The requested range is not satisfiable",
                   {},
                   "Content-Range: bytes */" + std::to_string(source->size_bytes) + "\r\n"};
    append_element(error.elements, "RangeRequested", request.headers.find("range"));
    append_element(error.elements, "ActualObjectSize", source->size_bytes);
    return refuse(std::move(error));
  }
  Response response;
  response.headers.reserve(512);
  add_object_headers(response, *source, request);
  if (range.kind == RangeKind::part) {
    response.status = 206;
    add_content_range(response, range, source->size_bytes);
  }
  response.bytes = std::move(source->bytes);
  response.bytes_offset = range.offset;
  response.bytes_length = range.length;
  return response;
}

Service::Answer Service::put_object(Exchange& exchange) {
  const Request& request = exchange.request;
  auto headers = kept_headers(request);
  if (!headers) return refuse(std::move(headers).error());
  const ObjectMeta meta{exchange.body->md5_hex(), ObjectType::normal, exchange.body->crc64(),
                        std::move(*headers)};
  auto etag = exchange.bucket.disk->commit(request.key, exchange.body->take_staged(), meta,
                                           write_condition(request));
  if (!etag) return refuse(std::move(etag).error());
  Response response;
  response.add_header("ETag", quoted_etag(*etag, request.dialect));
  for (const auto& [name, value] : exchange.body->checksums()) response.add_header(name, value);
  if (meta.crc64) response.add_header("x-oss-hash-crc64ecma", *meta.crc64);
  return response;
}

Service::Answer Service::copy_object(Exchange& exchange) {
  const Request& request = exchange.request;
  auto from = open_copy_source(request, *buckets_);
  if (!from) return refuse(std::move(from).error());
  ObjectMeta meta;
  meta.headers = std::move(from->source.meta.headers);
  if (request.service_header("metadata-directive") == "REPLACE") {
    auto headers = kept_headers(request);
    if (!headers) return refuse(std::move(headers).error());
    meta.headers = std::move(*headers);
  }
  auto staged = exchange.bucket.disk->stage();
  if (!staged) return refuse(std::move(staged).error());
  auto copied = copy_range(from->source, 0, from->source.size_bytes, staged->file.get());
  if (!copied) {
    exchange.bucket.disk->discard(*staged);
    return refuse(std::move(copied).error());
  }
  meta.etag = copied->md5_hex;
  if (request.dialect == Dialect::oss) meta.crc64 = copied->crc64;
  auto etag =
      exchange.bucket.disk->commit(request.key, std::move(*staged), meta, write_condition(request));
  if (!etag) return refuse(std::move(etag).error());
  std::string xml(kXmlDeclaration);
  xml += "<CopyObjectResult><LastModified>";
  append_iso_date(xml, now_seconds());
  xml += "</LastModified>";
  append_element(xml, "ETag", quoted_etag(*etag, request.dialect));
  xml += "</CopyObjectResult>";
  Response response;
  response.set_xml(std::move(xml));
  return response;
}

Service::Answer Service::delete_object(const Exchange& exchange) {
  auto removed = exchange.bucket.disk->remove(exchange.request.key);
  if (!removed) return refuse(std::move(removed).error());
  Response response;
  response.status = 204;
  return response;
}

Service::Answer Service::append_object(Exchange& exchange) {
  const Request& request = exchange.request;
  DiskBucket& bucket = *exchange.bucket.disk;
  const std::string* position_text = request.param("position");
  std::uint64_t position = 0;
  if (position_text == nullptr ||
      std::from_chars(position_text->data(), position_text->data() + position_text->size(),
                      position)
              .ec != std::errc())
    return refuse(400, "InvalidArgument", "The position to append at is missing or no number.");
  auto headers = kept_headers(request);
  if (!headers) return refuse(std::move(headers).error());

  const std::lock_guard lock(bucket.append_mutex());
  auto source = open_source(exchange.bucket, request.key);
  const std::uint64_t old_bytes = source ? source->size_bytes : 0;
  if (source && source->meta.type != ObjectType::appendable)
    return refuse(409, "ObjectNotAppendable", "The object is not appendable");
  if (position != old_bytes)
    return refuse(ApiError{409,
                           "PositionNotEqualToLength",
                           "Position is not equal to file length",
                           {},
                           "x-oss-next-append-position: " + std::to_string(old_bytes) + "\r\n"});
  if (old_bytes + exchange.body->size_bytes() > kAppendBytesMax)
    return refuse(409, "EntityTooLarge", "An appendable object holds at most 5 GiB.");
  auto appended = source
                      ? append_to(bucket, request.key, *exchange.body, source->meta)
                      : start_appendable(bucket, request.key, *exchange.body, std::move(*headers));
  if (!appended) return refuse(std::move(appended).error());
  Response response;
  response.add_header("ETag", quoted_etag(appended->etag, request.dialect));
  response.add_header("x-oss-next-append-position", old_bytes + exchange.body->size_bytes());
  response.add_header("x-oss-hash-crc64ecma", appended->crc64.value_or(0));
  return response;
}

Service::Answer Service::probe_object(const Exchange& exchange) {
  const Request& request = exchange.request;
  auto source = open_source(exchange.bucket, request.key);
  if (!source) return refuse(std::move(source).error());
  Response response;
  if (request.has_param("objectMeta")) {
    std::string date;
    append_http_date(date, source->mtime_seconds);
    response.add_header("Last-Modified", date);
    response.add_header("ETag", quoted_etag(source->meta.etag, request.dialect));
    response.bytes = std::move(source->bytes);
    response.bytes_length = source->size_bytes;
    return response;
  }
  if (request.has_param("acl") && request.method == "PUT") return response;
  if (request.has_param("acl")) {
    response.set_xml(acl_document(request.dialect, "default"));
    return response;
  }
  if (request.has_param("tagging") && request.method == "GET") {
    response.set_xml(std::string(kXmlDeclaration) + "<Tagging><TagSet></TagSet></Tagging>");
    return response;
  }
  if (request.has_param("symlink"))
    return refuse(400, "NotSymlink", "The object is not a symlink.");
  return refuse(501, "NotImplemented", "The dev bucket does not implement this sub-resource.");
}

}  // namespace shoal::devbucket
