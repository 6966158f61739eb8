// SPDX-License-Identifier: Apache-2.0
#include "store/remote/bucket_address.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "store/encoding.h"

namespace shoal::store {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_';
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && parsed == end;
}

}  // namespace

std::string_view Endpoint::name() const {
  if (host.starts_with('[')) return std::string_view(host).substr(0, host.find(']') + 1);
  return std::string_view(host).substr(0, host.find(':'));
}

bool Endpoint::is_bare() const {
  const auto bare = name();
  if (bare.starts_with('[') || bare == "localhost" || bare.ends_with(".localhost")) return true;
  return std::ranges::all_of(bare, [](char c) { return is_digit(c) || c == '.'; });
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  // https://user:password@host: not to be repeated in logs.
  const auto user = text.rfind('@');
  if (user != std::string_view::npos)
    return fail(ErrorCode::bad_input,
                "endpoint '...@" + std::string(text.substr(user + 1)) + "': it names a user",
                "Keys come from the environment, a profile or a credentials file; write the host "
                "alone.");
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::bad_input, "endpoint '" + std::string(text) + "': " + std::string(why),
                "Write it like https://HOST or http://HOST:PORT.");
  };
  Endpoint endpoint;
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    endpoint.tls = false;
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.find("://") != std::string_view::npos) {
    return refuse("it is neither http nor https");
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  endpoint.host = rest;
  std::ranges::transform(endpoint.host, endpoint.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const std::string name(endpoint.name());
  const bool bracketed = name.starts_with('[') && name.ends_with(']') && name.size() > 3;
  const auto is_v6_char = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
  };
  const bool good =
      bracketed ? std::ranges::all_of(std::string_view(name).substr(1, name.size() - 2), is_v6_char)
                : !name.empty() && std::ranges::all_of(name, is_host_char);
  if (!good) return refuse("it names no host, or more than a host");
  const std::string_view port_part = std::string_view(endpoint.host).substr(name.size());
  if (port_part.empty()) return endpoint;
  if (!port_part.starts_with(':') || !is_port(port_part.substr(1)))
    return refuse("its port is no number, or more follows it");
  if (port_part == (endpoint.tls ? ":443" : ":80")) endpoint.host = name;
  return endpoint;
}

bool is_dns_label(std::string_view bucket) {
  const auto is_label_char = [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
  };
  return bucket.size() >= 3 && bucket.size() <= 63 && std::ranges::all_of(bucket, is_label_char) &&
         bucket.front() != '-' && bucket.back() != '-';
}

BucketAddress::BucketAddress(Endpoint endpoint, std::string bucket, Addressing addressing)
    : endpoint_(std::move(endpoint)), bucket_(std::move(bucket)), addressing_(addressing) {
  host_ =
      addressing_ == Addressing::virtual_hosted ? bucket_ + "." + endpoint_.host : endpoint_.host;
}

std::string BucketAddress::path(std::string_view key) const {
  std::string path = "/";
  if (addressing_ == Addressing::path) {
    path += bucket_;
    // "/bucket/" and "/bucket" are the same to S3, but OSS signs the first.
    path += '/';
  }
  return path + percent_encode(key, /*keep_slash=*/true);
}

std::string BucketAddress::url(std::string_view path, const std::vector<NameValue>& query) const {
  std::string url = endpoint_.tls ? "https://" : "http://";
  url += host_;
  url += path;
  char separator = '?';
  for (const auto& [name, value] : query) {
    url += separator;
    url += percent_encode(name, false);
    if (!value.empty()) url += "=" + percent_encode(value, false);
    separator = '&';
  }
  return url;
}

}  // namespace shoal::store
