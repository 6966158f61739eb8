// SPDX-License-Identifier: Apache-2.0
// Goal: our OSS signatures, V4 and V1, are those of Alibaba's SDKs.
// Method: the vectors of the Go SDK's signer tests (header and URL form) as tables, and three of
// our own that an independent implementation has computed.
#include "store/oss/oss_sign.h"

#include <gtest/gtest.h>

#include "store/encoding.h"

namespace shoal::store::oss {
namespace {

using Pairs = std::vector<NameValue>;
using Names = std::vector<std::string>;

const Secret kSecret("sk");
const std::string kOddKey = "data set/\u03b1+\u03b2/img(1)'*!~&=@$,;:%23?.jpg";

WallTime at(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

struct V4Case {
  const char* name;
  std::int64_t time;
  const char* region;
  const char* product;
  const char* token;
  Names additional;
  const char* signature;
};

SigningInput v4_input(const char* content_type) {
  return {.method = "PUT",
          .bucket = "bucket",
          .key = "1234+-/123/1.txt",
          .query = {{"param1", "value1"},
                    {"+param1", "value3"},
                    {"|param1", "value4"},
                    {"+param2", ""},
                    {"|param2", ""},
                    {"param2", ""}},
          .headers = {{"x-oss-head1", "value"},
                      {"abc", "value"},
                      {"ZAbc", "value"},
                      {"XYZ", "value"},
                      {"content-type", content_type}},
          .additional_headers = {}};
}

TEST(OssSignV4, signs_headers_as_the_go_sdk_does) {
  const V4Case cases[] = {
      {"plain",
       1702743657,
       "cn-hangzhou",
       "oss",
       "",
       {},
       "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe"},
      {"cloud box",
       1702743657,
       "cb-123",
       "oss-cloudbox",
       "",
       {},
       "94ce1f12c17d148ea681030275a94449d3357f5b5b21133996eec80af3e08a43"},
      {"token",
       1702784856,
       "cn-hangzhou",
       "oss",
       "token",
       {},
       "b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea"},
      {"additional headers",
       1702747512,
       "cn-hangzhou",
       "oss",
       "",
       {"ZAbc", "abc"},
       "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f"},
      {"additional headers that are absent or signed anyway",
       1702747512,
       "cn-hangzhou",
       "oss",
       "",
       {"x-oss-no-exist", "ZAbc", "x-oss-head1", "abc"},
       "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f"},
  };
  for (const auto& example : cases) {
    const std::string timestamp = s3::format_timestamp(at(example.time));
    SigningInput input = v4_input("text/plain");
    input.additional_headers = example.additional;
    input.headers.emplace_back("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
    input.headers.emplace_back("x-oss-date", timestamp);
    if (*example.token != '\0') input.headers.emplace_back("x-oss-security-token", example.token);
    const SigningScope scope{.access_key = "ak",
                             .region = example.region,
                             .product = example.product,
                             .timestamp = timestamp};
    const std::string to_sign = v4_string_to_sign(v4_canonical_request(input), scope);
    EXPECT_EQ(v4_signature(kSecret, scope, to_sign), example.signature) << example.name;
    const std::string authorization = v4_authorization(input, scope, kSecret);
    EXPECT_EQ(authorization, "OSS4-HMAC-SHA256 Credential=ak/" + timestamp.substr(0, 8) + "/" +
                                 example.region + "/" + example.product + "/aliyun_v4_request" +
                                 (example.additional.empty() ? "" : ",AdditionalHeaders=abc;zabc") +
                                 ",Signature=" + example.signature);
    EXPECT_EQ(authorization,
              v4_authorization_with_key(input, scope, v4_signing_key(kSecret, scope)));
  }
}

TEST(OssSignV4, signs_urls_as_the_go_sdk_does) {
  const V4Case cases[] = {
      {"plain",
       1702781677,
       "cn-hangzhou",
       "oss",
       "",
       {},
       "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe"},
      {"token",
       1702785388,
       "cn-hangzhou",
       "oss",
       "token",
       {},
       "3817ac9d206cd6dfc90f1c09c00be45005602e55898f26f5ddb06d7892e1f8b5"},
      {"additional headers",
       1702783809,
       "cn-hangzhou",
       "oss",
       "",
       {"ZAbc", "abc"},
       "6bd984bfe531afb6db1f7550983a741b103a8c58e5e14f83ea474c2322dfa2b7"},
      {"cloud box",
       1702781677,
       "cb-123",
       "oss-cloudbox",
       "",
       {"ZAbc", "abc"},
       "07284191b9b4978ac3520cd39ee2dea2747eda454089359371ff463a6c7ba20f"},
      {"cloud box, some headers signed anyway",
       1702783809,
       "cb-123",
       "oss-cloudbox",
       "",
       {"x-oss-no-exist", "abc", "x-oss-head1", "ZAbc"},
       "16782cc8a7a554523db055eb804b508522e7e370073108ad88ee2f47496701dd"},
  };
  for (const auto& example : cases) {
    const std::string timestamp = s3::format_timestamp(at(example.time));
    SigningInput input = v4_input("application/octet-stream");
    input.additional_headers = example.additional;
    input.query.emplace_back("x-oss-signature-version", "OSS4-HMAC-SHA256");
    input.query.emplace_back("x-oss-credential", "ak/" + timestamp.substr(0, 8) + "/" +
                                                     example.region + "/" + example.product +
                                                     "/aliyun_v4_request");
    input.query.emplace_back("x-oss-date", timestamp);
    input.query.emplace_back("x-oss-expires", "599");
    if (!example.additional.empty())
      input.query.emplace_back("x-oss-additional-headers", "abc;zabc");
    if (*example.token != '\0') input.query.emplace_back("x-oss-security-token", example.token);
    const SigningScope scope{.access_key = "ak",
                             .region = example.region,
                             .product = example.product,
                             .timestamp = timestamp};
    EXPECT_EQ(v4_signature(kSecret, scope, v4_string_to_sign(v4_canonical_request(input), scope)),
              example.signature)
        << example.name;
  }
}

TEST(OssSignV4, canonical_request_is_the_published_one) {
  SigningInput input = v4_input("text/plain");
  input.headers.emplace_back("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
  input.headers.emplace_back("x-oss-date", "20231216T162057Z");
  const std::string canonical = v4_canonical_request(input);
  EXPECT_EQ(
      canonical,
      "PUT\n/bucket/1234%2B-/123/1.txt\n%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&"
      "param1=value1&param2\ncontent-type:text/plain\nx-oss-content-sha256:UNSIGNED-PAYLOAD\n"
      "x-oss-date:20231216T162057Z\nx-oss-head1:value\n\n\nUNSIGNED-PAYLOAD");
  EXPECT_EQ(hex(sha256(canonical)),
            "f4613657f1b108998e8dbd10a1aa5da621dc2c6e02c9ddec0f163664848704c4");
}

TEST(OssSignV4, signs_our_cross_checks) {
  const std::string timestamp = s3::format_timestamp(at(1702743657));
  const SigningScope scope{.access_key = "ak", .region = "cn-hangzhou", .timestamp = timestamp};
  SigningInput object{
      .method = "GET",
      .bucket = "bucket",
      .key = kOddKey,
      .query = {},
      .headers = {{"x-oss-content-sha256", "UNSIGNED-PAYLOAD"}, {"x-oss-date", timestamp}},
      .additional_headers = {}};
  EXPECT_EQ(v4_signature(kSecret, scope, v4_string_to_sign(v4_canonical_request(object), scope)),
            "ca5b16ceb09a7460d17af92c1a6546d8eae59d63a8e98d400d8c468390293967");  // X4
  SigningInput page{.method = "GET",
                    .bucket = "bucket",
                    .key = "",
                    .query = {{"list-type", "2"},
                              {"prefix", "data set/\u03b1+\u03b2/"},
                              {"delimiter", "/"},
                              {"encoding-type", "url"},
                              {"max-keys", "1000"},
                              {"start-after", ""},
                              {"continuation-token", "CgJiYw--"}},
                    .headers = object.headers,
                    .additional_headers = {}};
  page.headers.emplace_back("x-oss-security-token", "token");
  EXPECT_EQ(v4_signature(kSecret, scope, v4_string_to_sign(v4_canonical_request(page), scope)),
            "596fc59970c898839a5508e231aabf979aba707fd9e1e98f39bc969d5a3edcab");  // X5
}

// ---- V1

constexpr const char* kV1Date = "Wed, 28 Dec 2022 10:27:41 GMT";

struct V1Case {
  SigningInput input;
  std::string date;
  std::string to_sign;
  const char* signature;
};

TEST(OssSignV1, signs_as_the_go_sdk_does) {
  const std::string date = kV1Date;
  const Pairs put_headers = {{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="},
                             {"Content-Type", "text/html"},
                             {"x-oss-meta-author", "alice"},
                             {"x-oss-meta-magic", "abracadabra"},
                             {"x-oss-date", date}};
  const Pairs get_headers = {{"x-oss-date", date}};
  const std::string put_text = "PUT\neB5eJF1ptWaXm4bijSPyxw==\ntext/html\n" + date +
                               "\nx-oss-date:" + date +
                               "\nx-oss-meta-author:alice\nx-oss-meta-magic:abracadabra\n";
  const std::string get_text = "GET\n\n\n" + date + "\nx-oss-date:" + date + "\n";
  const V1Case cases[] = {
      {{"PUT", "examplebucket", "nelson", {}, put_headers, {}},
       date,
       put_text + "/examplebucket/nelson",
       "kSHKmLxlyEAKtZPkJhG9bZb5k7M="},
      {{"PUT", "examplebucket", "nelson", {{"acl", ""}}, put_headers, {}},
       date,
       put_text + "/examplebucket/nelson?acl",
       "/afkugFbmWDQ967j1vr6zygBLQk="},
      {{"GET",
        "examplebucket",
        "",
        {{"resourceGroup", ""}, {"non-resousce", "null"}},
        get_headers,
        {}},
       date,
       get_text + "/examplebucket/?resourceGroup",
       "vkQmfuUDyi1uDi3bKt67oemssIs="},
      {{"GET", "examplebucket", "", {{"resourceGroup", ""}, {"acl", ""}}, get_headers, {}},
       date,
       get_text + "/examplebucket/?acl&resourceGroup",
       "x3E5TgOvl/i7PN618s5mEvpJDYk="},
      {{"GET", "bucket", "key", {{"versionId", "versionId"}}, {}, {}},
       "1699807420",
       "GET\n\n\n1699807420\n/bucket/key?versionId=versionId",
       "dcLTea+Yh9ApirQ8o8dOPqtvJXQ="},
      {{"GET",
        "bucket",
        "key+123",
        {{"versionId", "versionId"}, {"security-token", "token"}},
        {},
        {}},
       "1699808204",
       "GET\n\n\n1699808204\n/bucket/key+123?security-token=token&versionId=versionId",
       "jzKYRrM5y6Br0dRFPaTGOsbrDhY="},
      // X6: of a list request only the continuation token is signed.
      {{"GET",
        "bucket",
        "",
        {{"list-type", "2"},
         {"prefix", "a b/"},
         {"delimiter", "/"},
         {"max-keys", "1000"},
         {"encoding-type", "url"},
         {"start-after", "x"},
         {"continuation-token", "CgJiYw--"}},
        {{"x-oss-security-token", "token"}},
        {}},
       "Sat, 16 Dec 2023 16:20:57 GMT",
       "GET\n\n\nSat, 16 Dec 2023 16:20:57 GMT\nx-oss-security-token:token\n"
       "/bucket/?continuation-token=CgJiYw--",
       "H2EqX+rSfFfkyx2T30sj0wyVJao="},
  };
  for (const auto& example : cases) {
    const std::string to_sign = v1_string_to_sign(example.input, example.date);
    EXPECT_EQ(to_sign, example.to_sign);
    EXPECT_EQ(v1_signature(kSecret, to_sign), example.signature) << example.to_sign;
    EXPECT_EQ(v1_authorization(example.input, "ak", kSecret, example.date),
              std::string("OSS ak:") + example.signature);
  }
}

TEST(OssSignV1, the_service_itself_is_a_slash) {
  const SigningInput input{.method = "GET",
                           .bucket = "",
                           .key = "",
                           .query = {},
                           .headers = {},
                           .additional_headers = {}};
  EXPECT_EQ(v1_string_to_sign(input, "d"), "GET\n\n\nd\n/");
}

}  // namespace
}  // namespace shoal::store::oss
