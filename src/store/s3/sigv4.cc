// SPDX-License-Identifier: Apache-2.0
#include "store/s3/sigv4.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "store/encoding.h"

namespace shoal::store::s3 {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Appends `value` without outer white space and with inner runs of it as one space.
void append_trimmed(std::string& text, std::string_view value) {
  bool gap = false;
  const std::size_t start = text.size();
  for (const char c : value) {
    if (is_space(c)) {
      gap = text.size() > start;
      continue;
    }
    if (gap) text += ' ';
    gap = false;
    text += c;
  }
}

// Lower-cased name and where the header is in the input; sorted by name, equal names in their
// order.
struct SortedName {
  std::string name;
  std::size_t index;
};
std::vector<SortedName> sorted_names(const std::vector<NameValue>& headers) {
  std::vector<SortedName> names;
  names.reserve(headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    std::string name = headers[i].first;
    std::ranges::transform(name, name.begin(), lower);
    names.push_back({std::move(name), i});
  }
  std::ranges::stable_sort(names, {}, &SortedName::name);
  return names;
}

void append_query(std::string& text, const std::vector<NameValue>& query) {
  std::vector<NameValue> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query)
    encoded.emplace_back(percent_encode(name, false), percent_encode(value, false));
  std::ranges::sort(encoded);
  bool first = true;
  for (const auto& [name, value] : encoded) {
    if (!first) text += '&';
    first = false;
    text += name;
    text += '=';
    text += value;
  }
}

void append_signed_headers(std::string& text, const std::vector<SortedName>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && names[i].name == names[i - 1].name) continue;
    if (i > 0) text += ';';
    text += names[i].name;
  }
}

void append_headers(std::string& text, const SigningInput& input,
                    const std::vector<SortedName>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && names[i].name == names[i - 1].name) {
      text.back() = ',';  // over the line's end
    } else {
      text += names[i].name;
      text += ':';
    }
    append_trimmed(text, input.headers[names[i].index].second);
    text += '\n';
  }
}

std::string scope_text(const SigningScope& scope) {
  std::string text(scope.timestamp.substr(0, 8));
  for (const std::string_view part :
       {scope.region, scope.service, std::string_view("aws4_request")}) {
    text += '/';
    text += part;
  }
  return text;
}

}  // namespace

std::string canonical_request(const SigningInput& input) {
  const auto names = sorted_names(input.headers);
  std::string text;
  text.reserve(512);
  text += input.method;
  text += '\n';
  text += input.path;
  text += '\n';
  append_query(text, input.query);
  text += '\n';
  append_headers(text, input, names);
  text += '\n';
  append_signed_headers(text, names);
  text += '\n';
  text += input.payload_hash;
  return text;
}

std::string signed_headers(const SigningInput& input) {
  std::string text;
  append_signed_headers(text, sorted_names(input.headers));
  return text;
}

std::string string_to_sign(std::string_view canonical, const SigningScope& scope) {
  std::string text = "AWS4-HMAC-SHA256\n";
  text += scope.timestamp;
  text += '\n';
  text += scope_text(scope);
  text += '\n';
  text += hex(sha256(canonical));
  return text;
}

std::string signing_key(const Secret& secret_key, const SigningScope& scope) {
  std::string seed = "AWS4";
  seed += secret_key.reveal();
  const Secret wiped(std::move(seed));
  std::string key = hmac_sha256(wiped.reveal(), scope.timestamp.substr(0, 8));
  key = hmac_sha256(key, scope.region);
  key = hmac_sha256(key, scope.service);
  return hmac_sha256(key, "aws4_request");
}

std::string signature(std::string_view key, std::string_view to_sign) {
  return hex(hmac_sha256(key, to_sign));
}

std::string authorization(const SigningInput& input, const SigningScope& scope,
                          std::string_view key) {
  std::string text = "AWS4-HMAC-SHA256 Credential=";
  text += scope.access_key;
  text += '/';
  text += scope_text(scope);
  text += ", SignedHeaders=";
  text += signed_headers(input);
  text += ", Signature=";
  text += signature(key, string_to_sign(canonical_request(input), scope));
  return text;
}

std::string format_timestamp(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

}  // namespace shoal::store::s3
