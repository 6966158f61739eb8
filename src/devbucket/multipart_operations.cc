// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/crc64.h"
#include "devbucket/byte_range.h"
#include "devbucket/copy_source.h"
#include "devbucket/dates.h"
#include "devbucket/documents.h"
#include "devbucket/multipart.h"
#include "devbucket/service.h"
#include "devbucket/xml.h"
#include "store/encoding.h"

// Multipart uploads: the operations.

namespace shoal::devbucket {
namespace {

constexpr std::uint32_t kPartsMax = 10'000;
constexpr std::uint64_t kPartBytesMinS3 = 5ull << 20;
constexpr std::uint64_t kPartBytesMinOss = 100ull << 10;

std::string param(const Request& request, std::string_view name) {
  const std::string* value = request.param(name);
  return value == nullptr ? std::string() : *value;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

ApiResult<std::uint32_t> part_number(const Request& request) {
  const auto value = number(param(request, "partNumber"));
  if (value && *value >= 1 && *value <= kPartsMax) return *value;
  return refuse(400, "InvalidArgument",
                "Part number must be an integer between 1 and 10000, inclusive");
}

std::string head(std::string_view element, const Request& request) {
  std::string xml = open_document(element, request.dialect);
  append_element(xml, "Bucket", request.bucket);
  return xml;
}

Response xml_response(std::string xml) {
  Response response;
  response.set_xml(std::move(xml));
  return response;
}

struct NamedPart {
  std::uint32_t number = 0;
  std::string etag;
};
ApiResult<std::vector<NamedPart>> read_named_parts(std::string_view document) {
  auto leaves = read_xml_leaves(document);
  if (!leaves) return refuse(std::move(leaves).error());
  std::vector<NamedPart> parts;
  bool has_number = false;
  bool has_etag = false;
  const auto refuse_xml = [] {
    return refuse(400, "MalformedXML", "The XML you provided does not name parts.");
  };
  for (XmlLeaf& leaf : *leaves) {
    const bool is_number = leaf.path == "CompleteMultipartUpload/Part/PartNumber";
    const bool is_etag = leaf.path == "CompleteMultipartUpload/Part/ETag";
    if (!is_number && !is_etag) continue;
    if (parts.empty() || (has_number && has_etag)) {
      if (parts.size() == kPartsMax) return refuse_xml();
      parts.emplace_back();
      has_number = has_etag = false;
    }
    if (is_number) {
      const auto value = number(leaf.text);
      if (!value || has_number) return refuse_xml();
      parts.back().number = *value;
      has_number = true;
      continue;
    }
    if (has_etag) return refuse_xml();
    std::string etag = std::move(leaf.text);
    std::erase(etag, '"');
    std::ranges::transform(etag, etag.begin(), [](char c) {
      return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    parts.back().etag = std::move(etag);
    has_etag = true;
  }
  if (parts.empty() || !has_number || !has_etag) return refuse_xml();
  return parts;
}

// The stored parts the client names, in its order, which must be ascending.
ApiResult<std::vector<UploadPart>> choose_parts(const std::vector<UploadPart>& stored,
                                                const std::vector<NamedPart>& named,
                                                std::uint64_t part_bytes_min) {
  std::vector<UploadPart> chosen;
  for (const NamedPart& part : named) {
    if (!chosen.empty() && part.number <= chosen.back().number)
      return refuse(400, "InvalidPartOrder", "The list of parts was not in ascending order.");
    const auto found = std::ranges::find(stored, part.number, &UploadPart::number);
    if (found == stored.end() || found->md5_hex != part.etag)
      return refuse(400, "InvalidPart",
                    "One or more of the specified parts could not be found, or its ETag does not "
                    "match: part " +
                        std::to_string(part.number));
    if (!chosen.empty() && chosen.back().size_bytes < part_bytes_min)
      return refuse(400, "EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size: part " +
                        std::to_string(chosen.back().number));
    chosen.push_back(*found);
  }
  return chosen;
}

std::string raw_md5(std::string_view hex) {
  std::string raw;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    raw += static_cast<char>(byte);
  }
  return raw;
}

// Moves a file's bytes to the end of another inside the kernel, which on file systems that share
// blocks moves nothing at all.
ApiResult<void> append_file(int source, std::uint64_t bytes, int target) {
  while (bytes > 0) {
    const ssize_t count = ::copy_file_range(source, nullptr, target, nullptr, bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const std::string why = count == 0 ? "it is shorter than it was" : std::strerror(errno);
      return refuse(count < 0 && errno == ENOSPC ? 507 : 500, "InternalError",
                    "join the parts on disk: " + why);
    }
    bytes -= static_cast<std::uint64_t>(count);
  }
  return {};
}

// Writes the parts one after the other; returns the record of the whole.
ApiResult<ObjectMeta> join_parts(const DiskBucket& bucket, const std::vector<UploadPart>& parts,
                                 int target) {
  std::string digests;
  std::optional<std::uint64_t> crc64 = 0;
  for (const UploadPart& part : parts) {
    const UniqueFd source = open_below(bucket.root(), part.path, O_RDONLY);
    if (auto done = append_file(source.get(), part.size_bytes, target); !done)
      return refuse(std::move(done).error());
    digests += raw_md5(part.md5_hex);
    crc64 = crc64 && part.crc64 ? std::optional(crc64_combine(*crc64, *part.crc64, part.size_bytes))
                                : std::nullopt;
  }
  ObjectMeta meta;
  meta.etag = store::hex(store::md5(digests)) + "-" + std::to_string(parts.size());
  meta.type = ObjectType::multipart;
  meta.crc64 = crc64;
  return meta;
}

}  // namespace

Service::Answer Service::create_upload(const Exchange& exchange) {
  const Request& request = exchange.request;
  auto headers = kept_headers(request);
  if (!headers) return refuse(std::move(headers).error());
  auto id = Uploads(*exchange.bucket.disk).create({{}, request.key, 0, std::move(*headers)});
  if (!id) return refuse(std::move(id).error());
  std::string xml = head("InitiateMultipartUploadResult", request);
  append_element(xml, "Key", request.key);
  append_element(xml, "UploadId", *id);
  return xml_response(xml + "</InitiateMultipartUploadResult>");
}

Service::Answer Service::upload_part(Exchange& exchange) {
  const Request& request = exchange.request;
  auto part = part_number(request);
  if (!part) return refuse(std::move(part).error());
  Uploads uploads(*exchange.bucket.disk);
  const std::string id = param(request, "uploadId");
  if (auto info = uploads.find(id, request.key); !info) return refuse(std::move(info).error());
  UploadPart sums;
  sums.number = *part;
  sums.md5_hex = exchange.body->md5_hex();
  sums.crc64 = exchange.body->crc64();
  const DiskBucket::Staged staged = exchange.body->take_staged();
  if (auto added = uploads.add_part(id, sums, staged); !added) {
    exchange.bucket.disk->discard(staged);
    return refuse(std::move(added).error());
  }
  Response response;
  response.add_header("ETag", quoted_etag(sums.md5_hex, request.dialect));
  for (const auto& [name, value] : exchange.body->checksums()) response.add_header(name, value);
  if (const auto crc = exchange.body->crc64()) response.add_header("x-oss-hash-crc64ecma", *crc);
  return response;
}

Service::Answer Service::upload_part_copy(const Exchange& exchange) {
  const Request& request = exchange.request;
  auto part = part_number(request);
  if (!part) return refuse(std::move(part).error());
  Uploads uploads(*exchange.bucket.disk);
  const std::string id = param(request, "uploadId");
  if (auto info = uploads.find(id, request.key); !info) return refuse(std::move(info).error());
  auto from = open_copy_source(request, *buckets_);
  if (!from) return refuse(std::move(from).error());
  const ByteRange range = parse_range(request.service_header("copy-source-range"),
                                      from->source.size_bytes, RangeRules::standard);
  if (range.kind == RangeKind::unsatisfiable)
    return refuse(416, "InvalidRange", "The requested range is not satisfiable");
  auto staged = exchange.bucket.disk->stage();
  if (!staged) return refuse(std::move(staged).error());
  auto copied = copy_range(from->source, range.offset, range.length, staged->file.get());
  UploadPart sums;
  sums.number = *part;
  if (copied) sums.md5_hex = copied->md5_hex;
  if (copied) sums.crc64 = copied->crc64;
  ApiResult<void> added = copied ? uploads.add_part(id, sums, *staged)
                                 : ApiResult<void>(refuse(std::move(copied).error()));
  if (!added) {
    exchange.bucket.disk->discard(*staged);
    return refuse(std::move(added).error());
  }
  std::string xml(kXmlDeclaration);
  xml += "<CopyPartResult><LastModified>";
  append_iso_date(xml, now_seconds());
  xml += "</LastModified>";
  append_element(xml, "ETag", quoted_etag(copied->md5_hex, request.dialect));
  return xml_response(xml + "</CopyPartResult>");
}

Service::Answer Service::complete_upload(Exchange& exchange) {
  const Request& request = exchange.request;
  DiskBucket& bucket = *exchange.bucket.disk;
  const bool is_oss = request.dialect == Dialect::oss;
  if (exchange.fault.is_failed_complete) {
    counters_.inject(exchange.kind, FaultAction::error);
    Response late = error_response(
        {500, "InternalError", "We encountered an internal error. Please try again.", {}, {}},
        request, exchange.request_id);
    late.status = 200;  // real services send it before they know
    return late;
  }
  Uploads uploads(bucket);
  const std::string id = param(request, "uploadId");
  auto info = uploads.find(id, request.key);
  if (!info) return refuse(std::move(info).error());
  const std::vector<UploadPart> stored = uploads.parts(id);
  std::vector<NamedPart> named;
  if (is_oss && request.headers.find("x-oss-complete-all") == "yes") {
    for (const UploadPart& part : stored) named.push_back({part.number, part.md5_hex});
  } else {
    auto read = read_named_parts(exchange.body->text());
    if (!read) return refuse(std::move(read).error());
    named = std::move(*read);
  }
  auto chosen = choose_parts(stored, named, is_oss ? kPartBytesMinOss : kPartBytesMinS3);
  if (!chosen) return refuse(std::move(chosen).error());
  auto staged = bucket.stage();
  if (!staged) return refuse(std::move(staged).error());
  auto meta = join_parts(bucket, *chosen, staged->file.get());
  if (!meta) {
    bucket.discard(*staged);
    return refuse(std::move(meta).error());
  }
  meta->headers = std::move(info->headers);
  auto etag = bucket.commit(request.key, std::move(*staged), *meta, write_condition(request));
  if (!etag) return refuse(std::move(etag).error());
  uploads.remove(id);
  std::string xml = head("CompleteMultipartUploadResult", request);
  append_element(xml, "Location", "/" + request.bucket + "/" + request.key);
  append_element(xml, "Key", request.key);
  append_element(xml, "ETag", quoted_etag(*etag, request.dialect));
  Response response = xml_response(xml + "</CompleteMultipartUploadResult>");
  if (is_oss) response.add_header("ETag", quoted_etag(*etag, request.dialect));
  if (is_oss && meta->crc64) response.add_header("x-oss-hash-crc64ecma", *meta->crc64);
  return response;
}

Service::Answer Service::abort_upload(const Exchange& exchange) {
  Uploads uploads(*exchange.bucket.disk);
  const std::string id = param(exchange.request, "uploadId");
  if (auto info = uploads.find(id, exchange.request.key); !info)
    return refuse(std::move(info).error());
  uploads.remove(id);
  Response response;
  response.status = 204;
  return response;
}

Service::Answer Service::list_parts(const Exchange& exchange) {
  const Request& request = exchange.request;
  Uploads uploads(*exchange.bucket.disk);
  const std::string id = param(request, "uploadId");
  if (auto info = uploads.find(id, request.key); !info) return refuse(std::move(info).error());
  const std::uint32_t after = number(param(request, "part-number-marker")).value_or(0);
  const std::uint32_t parts_max =
      std::min(number(param(request, "max-parts")).value_or(1000), 1000u);
  std::string xml = head("ListPartsResult", request);
  append_element(xml, "Key", request.key);
  append_element(xml, "UploadId", id);
  append_element(xml, "StorageClass", request.dialect == Dialect::oss ? "Standard" : "STANDARD");
  append_element(xml, "PartNumberMarker", std::uint64_t{after});
  append_element(xml, "MaxParts", std::uint64_t{parts_max});
  std::uint32_t count = 0;
  std::uint32_t last = after;
  bool is_truncated = false;
  for (const UploadPart& part : uploads.parts(id)) {
    if (part.number <= after) continue;
    if (count == parts_max) {
      is_truncated = true;
      break;
    }
    xml += "<Part>";
    append_element(xml, "PartNumber", std::uint64_t{part.number});
    xml += "<LastModified>";
    append_iso_date(xml, part.mtime_seconds);
    xml += "</LastModified>";
    append_element(xml, "ETag", quoted_etag(part.md5_hex, request.dialect));
    append_element(xml, "Size", part.size_bytes);
    xml += "</Part>";
    last = part.number;
    ++count;
  }
  append_element(xml, "NextPartNumberMarker", std::uint64_t{last});
  append_element(xml, "IsTruncated", is_truncated ? "true" : "false");
  return xml_response(xml + "</ListPartsResult>");
}

Service::Answer Service::list_uploads(const Exchange& exchange) {
  const Request& request = exchange.request;
  std::string xml = head("ListMultipartUploadsResult", request);
  const std::string prefix = param(request, "prefix");
  const std::string key_marker = param(request, "key-marker");
  const std::string id_marker = param(request, "upload-id-marker");
  const std::uint32_t count_max =
      std::min(number(param(request, "max-uploads")).value_or(1000), 1000u);
  const bool is_url_encoded = param(request, "encoding-type") == "url";
  const auto encoded = [is_url_encoded](const std::string& name) {
    return is_url_encoded ? store::percent_encode(name, /*keep_slash=*/true) : name;
  };
  if (is_url_encoded) append_element(xml, "EncodingType", "url");
  append_element(xml, "KeyMarker", encoded(key_marker));
  append_element(xml, "UploadIdMarker", id_marker);
  append_element(xml, "MaxUploads", std::uint64_t{count_max});
  append_element(xml, "Prefix", encoded(prefix));
  std::uint32_t count = 0;
  bool is_truncated = false;
  UploadInfo last;
  if (exchange.bucket.disk != nullptr) {
    for (const UploadInfo& upload : Uploads(*exchange.bucket.disk).list()) {
      const bool is_after =
          upload.key > key_marker ||
          (upload.key == key_marker && !id_marker.empty() && upload.id > id_marker);
      if (!upload.key.starts_with(prefix) || (!key_marker.empty() && !is_after)) continue;
      if (count == count_max) {
        is_truncated = true;
        break;
      }
      xml += "<Upload>";
      append_element(xml, "Key", encoded(upload.key));
      append_element(xml, "UploadId", upload.id);
      xml += "<Initiated>";
      append_iso_date(xml, upload.created_seconds);
      xml += "</Initiated></Upload>";
      last = upload;
      ++count;
    }
  }
  if (is_truncated) {
    append_element(xml, "NextKeyMarker", encoded(last.key));
    append_element(xml, "NextUploadIdMarker", last.id);
  }
  append_element(xml, "IsTruncated", is_truncated ? "true" : "false");
  return xml_response(xml + "</ListMultipartUploadsResult>");
}

}  // namespace shoal::devbucket
