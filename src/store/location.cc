// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "store/open.h"

namespace shoal::store {
namespace {

bool is_bucket_name(std::string_view name) {
  return name.size() >= 1 && name.size() <= 255 && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_';
         });
}

Result<Location> parse_directory(std::string_view url, std::string_view path, bool key_expected) {
  if (!path.starts_with('/'))
    return fail(ErrorCode::bad_input, "'" + std::string(url) + "' names no absolute directory",
                "Write three slashes: file:///path/to/directory.");
  Location location;
  location.scheme = Scheme::file;
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (key_expected) {
    const auto slash = path.rfind('/');
    location.prefix = path.substr(slash + 1);
    path = path.substr(0, std::max<std::size_t>(slash, 1));
    if (location.prefix.empty())
      return fail(ErrorCode::bad_input, "'" + std::string(url) + "' names no file");
  }
  location.bucket = path;
  return location;
}

}  // namespace

bool has_password(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view rest = url.substr(scheme + 3);
  return rest.substr(0, rest.find('/')).find('@') != std::string_view::npos;
}

std::string without_password(std::string_view url) {
  if (!has_password(url)) return std::string(url);
  const auto begin = url.find("://") + 3;
  const auto host = url.rfind('@', url.find('/', begin)) + 1;
  return std::string(url.substr(0, begin)) + "***@" + std::string(url.substr(host));
}

std::string Location::to_url() const {
  switch (scheme) {
    case Scheme::s3:
      return "s3://" + bucket + "/" + prefix;
    case Scheme::oss:
      return "oss://" + bucket + "/" + prefix;
    case Scheme::file:
      break;
  }
  if (prefix.empty()) return "file://" + bucket;
  return "file://" + bucket + (bucket.ends_with('/') ? "" : "/") + prefix;
}

Result<Location> parse_location(std::string_view url, bool key_expected) {
  const auto mark = url.find("://");
  const std::string_view scheme = mark == std::string_view::npos ? "" : url.substr(0, mark);
  if (scheme != "s3" && scheme != "oss" && scheme != "file")
    return fail(ErrorCode::bad_input,
                "'" + without_password(url) + "' is not the address of a dataset",
                "Write s3://BUCKET/PREFIX, oss://BUCKET/PREFIX or file:///DIRECTORY.");
  const std::string_view rest = url.substr(mark + 3);
  if (scheme != "file" && has_password(url))
    return fail(ErrorCode::bad_input,
                "'" + without_password(url) + "' names a user before the bucket",
                "Write " + std::string(scheme) +
                    "://BUCKET/PREFIX; keys come from the environment or a credentials file.");
  if (scheme == "file") return parse_directory(url, rest, key_expected);

  Location location;
  location.scheme = scheme == "s3" ? Scheme::s3 : Scheme::oss;
  const auto slash = rest.find('/');
  location.bucket = rest.substr(0, slash);
  if (slash != std::string_view::npos) location.prefix = rest.substr(slash + 1);
  if (!is_bucket_name(location.bucket))
    return fail(ErrorCode::bad_input,
                "'" + location.bucket + "' in '" + std::string(url) + "' is not a bucket's name",
                "A bucket's name has only letters, digits, '-', '.' and '_'.");
  if (key_expected && location.prefix.empty())
    return fail(ErrorCode::bad_input, "'" + std::string(url) + "' names a bucket and no object",
                "Write " + std::string(scheme) + "://BUCKET/KEY.");
  if (!key_expected && !location.prefix.empty() && !location.prefix.ends_with('/'))
    location.prefix += '/';
  return location;
}

Result<Addressing> parse_addressing(std::string_view text) {
  if (text == "auto") return Addressing::automatic;
  if (text == "virtual") return Addressing::virtual_hosted;
  if (text == "path") return Addressing::path;
  if (text == "cname") return Addressing::cname;
  return fail(ErrorCode::bad_input,
              "'" + std::string(text) + "' is not a way of addressing buckets",
              "Use auto, virtual, path or cname.");
}

}  // namespace shoal::store
