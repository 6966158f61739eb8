// SPDX-License-Identifier: Apache-2.0
#include "store/s3/sigv4.h"

#include <algorithm>
#include <compare>

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
  auto operator<=>(const SortedName&) const = default;
};
std::vector<SortedName> sorted_names(const std::vector<NameValue>& headers) {
  std::vector<SortedName> names;
  names.reserve(headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    std::string name = headers[i].first;
    std::ranges::transform(name, name.begin(), lower);
    names.push_back({std::move(name), i});
  }
  std::ranges::sort(names);
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

std::string canonical_request(const SigningInput& input, const std::vector<SortedName>& names) {
  std::string text;
  text.reserve(1024);
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

void append_digits(std::string& text, unsigned number, unsigned digits) {
  for (unsigned power = digits == 4 ? 1000 : 10; power > 0; power /= 10)
    text += static_cast<char>('0' + number / power % 10);
}

}  // namespace

std::string canonical_request(const SigningInput& input) {
  return canonical_request(input, sorted_names(input.headers));
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
  const auto names = sorted_names(input.headers);
  std::string text;
  text.reserve(320);
  text += "AWS4-HMAC-SHA256 Credential=";
  text += scope.access_key;
  text += '/';
  text += scope_text(scope);
  text += ", SignedHeaders=";
  append_signed_headers(text, names);
  text += ", Signature=";
  text += signature(key, string_to_sign(canonical_request(input, names), scope));
  return text;
}

std::string format_timestamp(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  std::string text;
  text.reserve(16);
  append_digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  append_digits(text, static_cast<unsigned>(date.month()), 2);
  append_digits(text, static_cast<unsigned>(date.day()), 2);
  text += 'T';
  append_digits(text, static_cast<unsigned>(clock.hours().count()), 2);
  append_digits(text, static_cast<unsigned>(clock.minutes().count()), 2);
  append_digits(text, static_cast<unsigned>(clock.seconds().count()), 2);
  text += 'Z';
  return text;
}

}  // namespace shoal::store::s3
