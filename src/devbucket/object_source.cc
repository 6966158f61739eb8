// SPDX-License-Identifier: Apache-2.0
#include "devbucket/object_source.h"

#include <algorithm>
#include <array>
#include <optional>

#include "devbucket/dates.h"

namespace shoal::devbucket {
namespace {

constexpr std::size_t kPieceBytes = 1u << 20;

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// Whether an If-Match or If-None-Match header names the ETag.
bool names_etag(std::string_view header, std::string_view etag) {
  while (!header.empty()) {
    const std::size_t comma = std::min(header.find(','), header.size());
    std::string_view item = header.substr(0, comma);
    header.remove_prefix(std::min(comma + 1, header.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    if (item.starts_with("W/")) item.remove_prefix(2);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item == "*") return true;
    if (item.size() >= 2 && item.front() == '"' && item.back() == '"')
      item = item.substr(1, item.size() - 2);
    if (std::ranges::equal(item, etag, {}, upper, upper)) return true;
  }
  return false;
}

}  // namespace

ApiResult<ObjectSource> open_source(const BucketRef& bucket, std::string_view key) {
  ObjectSource source;
  if (bucket.invented != nullptr) {
    const InventedSet& set = *bucket.invented;
    const std::uint64_t rank = invented_lower_bound(set, key);
    std::string found;
    if (rank < set.count) invented_key(set, rank, found);
    if (found != key) return refuse(404, "NoSuchKey", "The specified key does not exist.");
    source.size_bytes = invented_size(set, key);
    source.mtime_seconds = invented_mtime(set, key);
    source.meta.etag = invented_etag(set, key);
    source.bytes = ObjectBytes(std::move(found));
    return source;
  }
  auto object = bucket.disk->open(key);
  if (!object) return refuse(std::move(object).error());
  source.bytes = ObjectBytes(std::move(object->file));
  source.size_bytes = static_cast<std::uint64_t>(object->stat.st_size);
  source.mtime_seconds = object->stat.st_mtim.tv_sec;
  source.meta = std::move(object->meta);
  return source;
}

ApiResult<void> read_source(const ObjectSource& source, std::uint64_t offset, std::uint64_t length,
                            const std::function<void(std::string_view)>& sink) {
  std::string piece(std::min<std::uint64_t>(length, kPieceBytes), '\0');
  while (length > 0) {
    const std::size_t bytes = std::min<std::uint64_t>(length, piece.size());
    const std::int64_t count = source.bytes.read(offset, std::span(piece.data(), bytes));
    if (count <= 0) return refuse(500, "InternalError", "The source object could not be read.");
    sink(std::string_view(piece.data(), static_cast<std::size_t>(count)));
    offset += static_cast<std::uint64_t>(count);
    length -= static_cast<std::uint64_t>(count);
  }
  return {};
}

ApiResult<void> check_conditions(const Request& request, std::string_view prefix,
                                 std::string_view etag, std::int64_t mtime_seconds) {
  const auto header = [&](std::string_view name) {
    return prefix.empty() ? request.headers.find(name)
                          : request.headers.find(std::string(prefix) + std::string(name));
  };
  const auto fail_precondition = [] {
    return refuse(412, "PreconditionFailed",
                  "At least one of the pre-conditions you specified did not hold");
  };
  if (const auto match = header("if-match"); !match.empty()) {
    if (!names_etag(match, etag)) return fail_precondition();
  } else if (const auto date = parse_http_date(header("if-unmodified-since"));
             date && mtime_seconds > *date) {
    return fail_precondition();
  }
  bool is_same = false;
  if (const auto none = header("if-none-match"); !none.empty())
    is_same = names_etag(none, etag);
  else if (const auto date = parse_http_date(header("if-modified-since")))
    is_same = mtime_seconds <= *date;
  if (!is_same) return {};
  if (!prefix.empty()) return fail_precondition();
  return refuse(304, "NotModified", "Not Modified");
}

DiskBucket::Condition write_condition(const Request& request) {
  const std::string_view match = request.headers.find("if-match");
  const bool is_forbidden = request.headers.find("x-oss-forbid-overwrite") == "true";
  const bool must_be_new = is_forbidden || request.headers.find("if-none-match") == "*";
  if (match.empty() && !must_be_new) return nullptr;
  return [=](const DiskBucket::OpenObject* present) -> ApiResult<void> {
    if (must_be_new && present != nullptr)
      return is_forbidden
                 ? refuse(409, "FileAlreadyExists",
                          "The object you specified already exists and can not be overwritten.")
                 : refuse(412, "PreconditionFailed", "The object exists already.");
    if (match.empty()) return {};
    if (present == nullptr) return refuse(404, "NoSuchKey", "The specified key does not exist.");
    if (names_etag(match, present->meta.etag)) return {};
    return refuse(412, "PreconditionFailed",
                  "At least one of the pre-conditions you specified did not hold");
  };
}

ApiResult<std::vector<std::pair<std::string, std::string>>> kept_headers(const Request& request) {
  constexpr std::array<std::string_view, 6> kKept = {"cache-control",    "content-disposition",
                                                     "content-encoding", "content-language",
                                                     "content-type",     "expires"};
  std::vector<std::pair<std::string, std::string>> kept;
  std::size_t bytes = 0;
  const std::string_view user = request.dialect == Dialect::oss ? "x-oss-meta-" : "x-amz-meta-";
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    std::string name(request.headers.name(i));
    std::string value(request.headers.value(i));
    if (name == "content-encoding" && value.starts_with("aws-chunked")) {
      // The framing is ours to remove; what it was wrapped around stays.
      value.erase(0, std::min(value.find_first_not_of(", ", std::string_view("aws-chunked").size()),
                              value.size()));
      if (value.empty()) continue;
    }
    if (name.starts_with(user))
      name.replace(0, user.size(), "meta-");
    else if (std::ranges::find(kKept, name) == kKept.end())
      continue;
    bytes += name.size() + value.size() + 2;
    kept.emplace_back(std::move(name), std::move(value));
  }
  constexpr std::size_t kBriefBytes = 256;  // the record's first line
  if (bytes + kBriefBytes > kMetaBytesMax)
    return refuse(400, "MetadataTooLarge",
                  "Your metadata headers exceed the maximum allowed metadata size.");
  return kept;
}

std::string quoted_etag(std::string_view etag, Dialect dialect) {
  std::string quoted = "\"";
  for (const char c : etag) quoted += dialect == Dialect::oss ? upper(c) : c;
  quoted += '"';
  return quoted;
}

}  // namespace shoal::devbucket
