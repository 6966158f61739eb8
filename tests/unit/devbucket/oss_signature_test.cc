// SPDX-License-Identifier: Apache-2.0
// Goal: OSS requests with the published signatures are let in, and no others.
// Method: the vectors of the vendor's Go SDK (oss/signer/signer_test.go) as requests.
#include <gtest/gtest.h>

#include "devbucket/authorizer.h"
#include "devbucket/dates.h"
#include "devbucket/request.h"

namespace shoal::devbucket {
namespace {

constexpr std::int64_t kV1Time = 1'672'223'261;  // Wed, 28 Dec 2022 10:27:41 GMT
constexpr std::string_view kV1Date = "Wed, 28 Dec 2022 10:27:41 GMT";

AuthorizerOptions options(const std::string& token = "") {
  AuthorizerOptions made;
  made.keys.push_back({"ak", Secret("sk"), Secret(token)});
  return made;
}

using Headers = std::vector<std::pair<std::string, std::string>>;
std::string check(const AuthorizerOptions& accepted, const std::string& method,
                  const std::string& target, const Headers& headers, std::int64_t now) {
  Request request;
  request.method = method;
  request.target = target;
  request.headers.add("Host", "127.0.0.1");
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  understand(request, [](std::string_view) { return false; });
  EXPECT_EQ(request.dialect, Dialect::oss);
  const auto result = Authorizer(accepted).check(request, now);
  return result ? "ok" : result.error().code;
}

Headers v1_headers(const std::string& signature) {
  return {{"Date", std::string(kV1Date)},
          {"x-oss-date", std::string(kV1Date)},
          {"Authorization", "OSS ak:" + signature}};
}

TEST(OssV1Signature, published_header_signatures_are_let_in) {
  Headers put = v1_headers("kSHKmLxlyEAKtZPkJhG9bZb5k7M=");
  put.insert(put.end(), {{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="},
                         {"Content-Type", "text/html"},
                         {"x-oss-meta-author", "alice"},
                         {"x-oss-meta-magic", "abracadabra"}});
  EXPECT_EQ(check(options(), "PUT", "/examplebucket/nelson", put, kV1Time), "ok");
  EXPECT_EQ(check(options(), "PUT", "/examplebucket/nelson2", put, kV1Time),
            "SignatureDoesNotMatch");
  EXPECT_EQ(check(options(), "PUT", "/examplebucket/nelson", put, kV1Time + 1000),
            "RequestTimeTooSkewed");
  const Headers get = v1_headers("x3E5TgOvl/i7PN618s5mEvpJDYk=");
  EXPECT_EQ(
      check(options(), "GET", "/examplebucket/?acl&resourceGroup&non-resource=1", get, kV1Time),
      "ok");
  EXPECT_EQ(check(options(), "GET", "/examplebucket/?acl", get, kV1Time), "SignatureDoesNotMatch");
}

TEST(OssV1Signature, published_urls_hold_until_they_expire) {
  const std::string plain =
      "/bucket/key?versionId=versionId&OSSAccessKeyId=ak&Expires=1699807420&Signature="
      "dcLTea%2BYh9ApirQ8o8dOPqtvJXQ%3D";
  EXPECT_EQ(check(options(), "GET", plain, {}, 1'699'807'420), "ok");
  EXPECT_EQ(check(options(), "GET", plain, {}, 1'699'807'421), "AccessDenied");
  const std::string with_token =
      "/bucket/"
      "key%2B123?versionId=versionId&OSSAccessKeyId=ak&Expires=1699808204&security-token=token"
      "&Signature=jzKYRrM5y6Br0dRFPaTGOsbrDhY%3D";
  EXPECT_EQ(check(options("token"), "GET", with_token, {}, 1'699'808'000), "ok");
  EXPECT_EQ(check(options(), "GET", with_token, {}, 1'699'808'000), "InvalidSecurityToken");
}

constexpr const char* kV4Target =
    "/bucket/1234%2B-/123/"
    "1.txt?param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2";

Headers v4_headers(const std::string& date, const std::string& region, const std::string& middle,
                   const std::string& signature) {
  return {{"x-oss-head1", "value"},
          {"abc", "value"},
          {"ZAbc", "value"},
          {"XYZ", "value"},
          {"content-type", "text/plain"},
          {"x-oss-date", date},
          {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"},
          {"Authorization", "OSS4-HMAC-SHA256 Credential=ak/" + date.substr(0, 8) + "/" + region +
                                "/oss/aliyun_v4_request" + middle + ",Signature=" + signature}};
}

TEST(OssV4Signature, published_header_signatures_are_let_in) {
  const Headers plain =
      v4_headers("20231216T162057Z", "cn-hangzhou", "",
                 "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe");
  EXPECT_EQ(check(options(), "PUT", kV4Target, plain, 1'702'743'657), "ok");
  EXPECT_EQ(check(options(), "GET", kV4Target, plain, 1'702'743'657), "SignatureDoesNotMatch");
  EXPECT_EQ(check(options(), "PUT", kV4Target, plain, 1'702'743'657 + 901), "RequestTimeTooSkewed");
  const Headers additional =
      v4_headers("20231216T172512Z", "cn-hangzhou", ",AdditionalHeaders=abc;zabc",
                 "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f");
  EXPECT_EQ(check(options(), "PUT", kV4Target, additional, 1'702'747'512), "ok");
  Headers token = v4_headers("20231217T034736Z", "cn-hangzhou", "",
                             "b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea");
  token.emplace_back("x-oss-security-token", "token");
  EXPECT_EQ(check(options("token"), "PUT", kV4Target, token, 1'702'784'856), "ok");
  EXPECT_EQ(check(options("other"), "PUT", kV4Target, token, 1'702'784'856),
            "InvalidSecurityToken");
}

TEST(OssV4Signature, another_region_is_refused_when_one_is_required) {
  AuthorizerOptions accepted = options();
  accepted.region = "cn-beijing";
  const Headers plain =
      v4_headers("20231216T162057Z", "cn-hangzhou", "",
                 "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe");
  EXPECT_EQ(check(accepted, "PUT", kV4Target, plain, 1'702'743'657), "InvalidArgument");
}

TEST(OssV4Signature, a_published_url_holds_until_it_expires) {
  const std::string target =
      std::string(kV4Target) +
      "&x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=ak%2F20231217%2Fcn-hangzhou%"
      "2Foss%2F"
      "aliyun_v4_request&x-oss-date=20231217T025437Z&x-oss-expires=599&x-oss-signature="
      "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe";
  const Headers headers = {{"x-oss-head1", "value"},
                           {"abc", "value"},
                           {"ZAbc", "value"},
                           {"XYZ", "value"},
                           {"content-type", "application/octet-stream"}};
  EXPECT_EQ(check(options(), "PUT", target, headers, 1'702'781'677), "ok");
  EXPECT_EQ(check(options(), "PUT", target, headers, 1'702'781'677 + 600), "AccessDenied");
}

}  // namespace
}  // namespace shoal::devbucket
