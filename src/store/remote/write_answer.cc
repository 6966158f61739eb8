// SPDX-License-Identifier: Apache-2.0
#include "store/remote/write_answer.h"

#include <algorithm>
#include <charconv>

#include "store/encoding.h"
#include "store/write_checks.h"

namespace shoal::store {
namespace {

constexpr std::size_t kMd5Digits = 32;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// With a key service's or the client's keys an ETag is of 32 digits too, and no MD5.
bool is_etag_md5(const http::ResponseHead& head, std::string_view etag) {
  for (const char* name : {"x-amz-server-side-encryption", "x-oss-server-side-encryption"})
    if (const auto way = head.header(name); !way.empty() && way != "AES256") return false;
  if (!head.header("x-amz-server-side-encryption-customer-algorithm").empty()) return false;
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  return etag.size() == kMd5Digits && std::ranges::all_of(etag, is_hex);
}

bool is_repeatable(const Call& call) {
  return !call.condition.if_absent && call.condition.if_match.empty();
}

}  // namespace

void add_checks(Call& call, const BodyChecks& checks) {
  if (checks.md5) call.headers.emplace_back("Content-MD5", base64(as_text(*checks.md5)));
}

Result<void> check_crc64(const std::string& what, std::uint64_t expected,
                         const http::ResponseHead& head) {
  const std::string_view text = head.header("x-oss-hash-crc64ecma");
  std::uint64_t found = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), found);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || found == expected) return {};
  return fail(
      wrong_sum(what, "CRC-64", std::to_string(expected), text).with_retry(Retry::unknown_effect));
}

Result<void> check_answer(const std::string& what, const Call& call, const BodyChecks& checks,
                          const http::ResponseHead& head) {
  const Retry retry = is_repeatable(call) ? Retry::yes : Retry::unknown_effect;
  if (checks.md5) {
    const std::string expected = hex(as_text(*checks.md5));
    const ETag found = etag_of(head);
    if (is_etag_md5(head, found) && !std::ranges::equal(found, expected, {}, lower))
      return fail(wrong_sum(what, "MD5", expected, found).with_retry(retry));
  }
  if (!checks.crc64) return {};
  auto checked = check_crc64(what, *checks.crc64, head);
  if (!checked) return fail(std::move(checked).error().with_retry(retry));
  return {};
}

}  // namespace shoal::store
