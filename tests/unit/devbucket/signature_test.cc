// SPDX-License-Identifier: Apache-2.0
// Goal: requests with the published signatures are let in, and no others.
// Method: the examples of the S3 and OSS references as requests, each also spoiled in one place.
#include <gtest/gtest.h>

#include "devbucket/authorizer.h"
#include "devbucket/chunked_decoder.h"
#include "devbucket/dates.h"
#include "devbucket/request.h"

namespace shoal::devbucket {
namespace {

constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kScope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";

AuthorizerOptions aws_options() {
  AuthorizerOptions options;
  options.keys.push_back(
      {"AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), Secret()});
  return options;
}
std::int64_t aws_time() {
  return *parse_basic_date("20130524T000000Z");
}

using Headers = std::vector<std::pair<std::string, std::string>>;

Request make(std::string method, std::string target, const Headers& headers) {
  Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  understand(request, [](std::string_view name) { return name == "examplebucket"; });
  return request;
}

Headers aws_headers(std::string_view signed_names, std::string_view signature,
                    const Headers& more = {}) {
  Headers headers = {{"Host", "examplebucket.s3.amazonaws.com"},
                     {"x-amz-date", "20130524T000000Z"},
                     {"x-amz-content-sha256", std::string(kEmptyHash)},
                     {"Authorization", "AWS4-HMAC-SHA256 Credential=" + std::string(kScope) +
                                           ",SignedHeaders=" + std::string(signed_names) +
                                           ",Signature=" + std::string(signature)}};
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

std::string code_of(const ApiResult<Identity>& result) {
  return result ? "ok" : result.error().code;
}

Request get_example(const std::string& range = "bytes=0-9") {
  return make("GET", "/test.txt",
              aws_headers("host;range;x-amz-content-sha256;x-amz-date",
                          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                          {{"Range", range}}));
}

TEST(AwsSignature, the_published_requests_are_let_in) {
  const Authorizer authorizer(aws_options());
  EXPECT_EQ(code_of(authorizer.check(get_example(), aws_time())), "ok");
  const std::string names = "host;x-amz-content-sha256;x-amz-date";
  const Request lifecycle =
      make("GET", "/?lifecycle",
           aws_headers(names, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_EQ(code_of(authorizer.check(lifecycle, aws_time())), "ok");
  EXPECT_EQ(lifecycle.operation, Operation::probe_bucket);
  const Request list =
      make("GET", "/?max-keys=2&prefix=J",
           aws_headers(names, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
  EXPECT_EQ(code_of(authorizer.check(list, aws_time())), "ok");
  EXPECT_EQ(list.operation, Operation::list_objects);
  EXPECT_EQ(list.bucket, "examplebucket");
}

TEST(AwsSignature, whatever_is_changed_is_refused) {
  const Authorizer authorizer(aws_options());
  EXPECT_EQ(code_of(authorizer.check(get_example("bytes=0-8"), aws_time())),
            "SignatureDoesNotMatch");
  EXPECT_EQ(code_of(authorizer.check(get_example(), aws_time() + 16 * 60)), "RequestTimeTooSkewed");
  EXPECT_EQ(code_of(authorizer.check(get_example(), aws_time() - 16 * 60)), "RequestTimeTooSkewed");
  EXPECT_EQ(code_of(authorizer.check(get_example(), aws_time() + 14 * 60)), "ok");
  const Request added =
      make("GET", "/test.txt",
           aws_headers("host;range;x-amz-content-sha256;x-amz-date",
                       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                       {{"Range", "bytes=0-9"}, {"x-amz-acl", "public-read"}}));
  EXPECT_EQ(code_of(authorizer.check(added, aws_time())), "AccessDenied");
  const Request other_path =
      make("GET", "/test2.txt",
           aws_headers("host;range;x-amz-content-sha256;x-amz-date",
                       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                       {{"Range", "bytes=0-9"}}));
  EXPECT_EQ(code_of(authorizer.check(other_path, aws_time())), "SignatureDoesNotMatch");
}

TEST(AwsSignature, keys_tokens_and_regions_are_looked_at) {
  AuthorizerOptions options = aws_options();
  options.region = "eu-west-1";
  EXPECT_EQ(code_of(Authorizer(options).check(get_example(), aws_time())),
            "AuthorizationHeaderMalformed");
  options.region = "us-east-1";
  EXPECT_EQ(code_of(Authorizer(options).check(get_example(), aws_time())), "ok");
  options.keys[0].token = Secret("token");
  EXPECT_EQ(code_of(Authorizer(options).check(get_example(), aws_time())), "InvalidToken");
  options.keys[0].id = "OTHER";
  EXPECT_EQ(code_of(Authorizer(options).check(get_example(), aws_time())), "InvalidAccessKeyId");
}

TEST(AwsSignature, a_presigned_url_holds_until_it_expires) {
  const Authorizer authorizer(aws_options());
  const std::string target =
      "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%"
      "2F"
      "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
      "X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  const Headers host = {{"Host", "examplebucket.s3.amazonaws.com"}};
  EXPECT_EQ(code_of(authorizer.check(make("GET", target, host), aws_time() + 86'400)), "ok");
  EXPECT_EQ(code_of(authorizer.check(make("GET", target, host), aws_time() + 86'401)),
            "AccessDenied");
  EXPECT_EQ(code_of(authorizer.check(make("PUT", target, host), aws_time())),
            "SignatureDoesNotMatch");
}

TEST(Anonymous, unsigned_requests_need_permission) {
  const Request get = make("GET", "/b/k", {{"Host", "127.0.0.1"}});
  const Request put = make("PUT", "/b/k", {{"Host", "127.0.0.1"}});
  AuthorizerOptions options = aws_options();
  EXPECT_EQ(code_of(Authorizer(options).check(get, 0)), "AccessDenied");
  options.allow_anonymous_read = true;
  EXPECT_EQ(code_of(Authorizer(options).check(get, 0)), "ok");
  EXPECT_EQ(code_of(Authorizer(options).check(put, 0)), "AccessDenied");
  EXPECT_EQ(code_of(Authorizer({}).check(put, 0)), "ok");
}

// The example of the S3 reference: 66,560 times 'a' in chunks of 64 KiB.
struct ChunkedExample {
  std::string body;
  ChunkedExample(bool has_trailer, const char* first, const char* second, const char* last) {
    body =
        "10000;chunk-signature=" + std::string(first) + "\r\n" + std::string(65536, 'a') + "\r\n";
    body += "400;chunk-signature=" + std::string(second) + "\r\n" + std::string(1024, 'a') + "\r\n";
    body += "0;chunk-signature=" + std::string(last) + "\r\n";
    if (has_trailer)
      body +=
          "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"
          "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n";
    body += "\r\n";
  }
};

ChunkSigning signing_with(std::string seed) {
  const Authorizer authorizer(aws_options());
  Headers headers = {
      {"Host", "s3.amazonaws.com"},
      {"x-amz-date", "20130524T000000Z"},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
      {"Content-Encoding", "aws-chunked"},
      {"x-amz-decoded-content-length", "66560"},
      {"Content-Length", "66824"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=" + std::string(kScope) +
           ",SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
           "x-amz-decoded-content-length;x-amz-storage-class,Signature="
           "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"}};
  auto identity =
      authorizer.check(make("PUT", "/examplebucket/chunkObject.txt", headers), aws_time());
  EXPECT_EQ(code_of(identity), "ok");
  if (!identity || !identity->chunks) return {};
  ChunkSigning signing = *identity->chunks;
  EXPECT_EQ(signing.previous, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  signing.previous = std::move(seed);
  return signing;
}

std::string decode(const std::string& body, const ChunkSigning& signing, std::size_t piece) {
  std::string decoded;
  ChunkedDecoder decoder(signing, [&](std::string_view data) { decoded += data; });
  for (std::size_t at = 0; at < body.size(); at += piece)
    if (auto fed = decoder.feed(std::string_view(body).substr(at, piece)); !fed)
      return fed.error().code;
  if (auto ended = decoder.finish(); !ended) return ended.error().code;
  return decoded == std::string(66560, 'a') ? "ok" : "wrong bytes";
}

const ChunkedExample& plain_example() {
  static const ChunkedExample example(
      false, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
      "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
      "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
  return example;
}

TEST(ChunkedBody, the_published_example_is_decoded_in_pieces_of_any_size) {
  const ChunkSigning signing =
      signing_with("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  for (const std::size_t piece : {1, 7, 1000, 65536, 1'000'000})
    EXPECT_EQ(decode(plain_example().body, signing, piece), "ok") << piece;
}

TEST(ChunkedBody, the_published_trailer_example_is_decoded) {
  const ChunkSigning signing =
      signing_with("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  const ChunkedExample example(true,
                               "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                               "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                               "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
  EXPECT_EQ(decode(example.body, signing, 5000), "ok");
  std::string forged = example.body;
  forged.replace(forged.find("sOO8"), 4, "tOO8");
  EXPECT_EQ(decode(forged, signing, 5000), "SignatureDoesNotMatch");
  std::string unsigned_trailer = example.body;
  unsigned_trailer.replace(unsigned_trailer.find("x-amz-trailer-signature"), std::string::npos,
                           "\r\n");
  EXPECT_EQ(decode(unsigned_trailer, signing, 5000), "SignatureDoesNotMatch");
}

TEST(ChunkedBody, changed_cut_or_malformed_bodies_are_refused) {
  const ChunkSigning signing =
      signing_with("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  std::string changed = plain_example().body;
  changed[1000] = 'b';
  EXPECT_EQ(decode(changed, signing, 4096), "SignatureDoesNotMatch");
  const std::string cut = plain_example().body.substr(0, 66000);
  EXPECT_EQ(decode(cut, signing, 4096), "IncompleteBody");
  EXPECT_EQ(decode("zz;chunk-signature=0\r\n", signing, 4096), "InvalidChunkSizeError");
  EXPECT_EQ(decode(std::string(10'000, '1'), signing, 4096), "InvalidChunkSizeError");
}

TEST(ChunkedBody, unsigned_trailers_need_no_signature) {
  std::string decoded;
  ChunkedDecoder decoder(std::nullopt, [&](std::string_view data) { decoded += data; });
  ASSERT_TRUE(decoder.feed("5\r\nhello\r\n0\r\nX-Amz-Checksum-Crc32: abc=\r\n\r\n"));
  ASSERT_TRUE(decoder.finish());
  EXPECT_EQ(decoded, "hello");
  ASSERT_EQ(decoder.trailers().size(), 1u);
  EXPECT_EQ(decoder.trailers()[0].first, "x-amz-checksum-crc32");
  EXPECT_EQ(decoder.trailers()[0].second, "abc=");
}

}  // namespace
}  // namespace shoal::devbucket
