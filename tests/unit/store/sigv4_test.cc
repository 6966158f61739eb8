// SPDX-License-Identifier: Apache-2.0
// Goal: our AWS signatures are those that AWS publishes, so every S3 server takes them.
// Method: every published vector we can express, as tables: the aws-c-auth signing test suite
// (header and query form), the examples of the S3 API reference (plain, presigned, chunked), and
// three of our own that an independent implementation has computed.
#include "store/s3/sigv4.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "store/encoding.h"

namespace shoal::store::s3 {
namespace {

using Pairs = std::vector<NameValue>;

// ---- the aws-c-auth suite

struct SuiteCase {
  const char* name;
  const char* method;
  const char* path;
  Pairs query;
  Pairs headers;
  const char* header_signature;
  const char* query_signature;
  const char* token = "";
  const char* body = "";
};

constexpr std::string_view kSuiteTime = "20150830T123600Z";
constexpr const char* kForm = "application/x-www-form-urlencoded";

const std::vector<SuiteCase>& suite() {
  static const std::vector<SuiteCase> cases = {
      {"get-vanilla",
       "GET",
       "/",
       {},
       {},
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
       "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
      {"get-vanilla-with-session-token",
       "GET",
       "/",
       {},
       {},
       "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
       "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c",
       "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       {},
       {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
       "3349ee0b81b4b589da0ff28a395c3591e04de515651dd74f298fa992d1507a97"},
      {"get-header-value-multiline",
       "GET",
       "/",
       {},
       {{"My-Header1", "value1\n  value2\n     value3"}},
       "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
       "e6f5def831211aca02987a44b96826706278c7bc078112ae0263659c5b2f2d56"},
      {"get-header-value-trim",
       "GET",
       "/",
       {},
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
       "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4"},
      {"get-space-unnormalized",
       "GET",
       "/example space/",
       {},
       {},
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
       "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6"},
      {"get-utf8",
       "GET",
       "/\u1234",
       {},
       {},
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
       "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44"},
      {"get-slashes-unnormalized",
       "GET",
       "//example//",
       {},
       {},
       "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
       "822a5a9ba28072c5ab2bb4a6307d0c88276d40e49fec6b724c03fb4d4ba60fc2"},
      {"get-relative-relative-unnormalized",
       "GET",
       "/example1/example2/../..",
       {},
       {},
       "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b",
       "b45db0bfd1cf15003493b733e33aa208dd981bd0e63037a6ed953f71d2118a16"},
      {"get-relative-unnormalized",
       "GET",
       "/example/..",
       {},
       {},
       "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282",
       "cbcb213b928a077e43275df47b500f1dfaa864ab3f5a18f6b95f4ff0938167ee"},
      {"get-slash-dot-slash-unnormalized",
       "GET",
       "/./",
       {},
       {},
       "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145",
       "a9b13e8f3484d9505bf1a6f347219f8f35b0fe8f128ceea597efc146a3dfe90c"},
      {"get-slash-pointless-dot-unnormalized",
       "GET",
       "/./example",
       {},
       {},
       "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff",
       "72b11f16d9530b18204bfb71f2d6ab085894c0ed8d352730a6e76234c58b5e10"},
      {"get-slash-unnormalized",
       "GET",
       "//",
       {},
       {},
       "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e",
       "b2a9542809db687769200f56a844a03f2bd0291d6eb90232d5101c6a579446cd"},
      {"get-unreserved",
       "GET",
       "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       {},
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
       "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005"},
      {"get-vanilla-empty-query-key",
       "GET",
       "/",
       {{"Param1", "value1"}},
       {},
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
       "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de"},
      {"get-vanilla-query-order-encoded",
       "GET",
       "/",
       {{"Param-3", "Value3"}, {"Param", "Value2"}, {"\u1234", "Value1"}},
       {},
       "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
       "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       {{"Param2", "value2"}, {"Param1", "value1"}},
       {},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
       "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"},
      {"get-vanilla-utf8-query",
       "GET",
       "/",
       {{"\u1234", "bar"}},
       {},
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
       "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"},
      {"post-vanilla",
       "POST",
       "/",
       {},
       {},
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
       "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b"},
      {"post-vanilla-query",
       "POST",
       "/",
       {{"Param1", "value1"}},
       {},
       "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
       "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       {},
       {{"Content-Type", kForm}, {"Content-Length", "13"}},
       "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
       "89a40deed0f26f9461242825a082d2222717248abc7ab41f552ad84a94ad46e9",
       "",
       "Param1=value1"},
  };
  return cases;
}

const Secret kSuiteSecret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
constexpr SigningScope kSuiteScope{.access_key = "AKIDEXAMPLE",
                                   .region = "us-east-1",
                                   .service = "service",
                                   .timestamp = kSuiteTime};

std::string signature_of(const SigningInput& input, const SigningScope& scope,
                         const Secret& secret) {
  return signature(signing_key(secret, scope), string_to_sign(canonical_request(input), scope));
}

TEST(SigV4, signs_headers_as_the_published_suite_does) {
  for (const auto& example : suite()) {
    const std::string path = percent_encode(example.path, true);
    const std::string hash = hex(sha256(example.body));
    SigningInput input{.method = example.method,
                       .path = path,
                       .query = example.query,
                       .headers = example.headers,
                       .payload_hash = hash};
    input.headers.emplace_back("Host", "example.amazonaws.com");
    input.headers.emplace_back("X-Amz-Date", kSuiteTime);
    if (*example.token != '\0') input.headers.emplace_back("X-Amz-Security-Token", example.token);
    if (*example.body != '\0') input.headers.emplace_back("x-amz-content-sha256", hash);
    EXPECT_EQ(signature_of(input, kSuiteScope, kSuiteSecret), example.header_signature)
        << example.name;
  }
}

TEST(SigV4, signs_queries_as_the_published_suite_does) {
  for (const auto& example : suite()) {
    const std::string path = percent_encode(example.path, true);
    const std::string hash = hex(sha256(example.body));
    SigningInput input{.method = example.method,
                       .path = path,
                       .query = example.query,
                       .headers = example.headers,
                       .payload_hash = hash};
    input.headers.emplace_back("Host", "example.amazonaws.com");
    input.query.emplace_back("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
    input.query.emplace_back("X-Amz-Credential",
                             "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request");
    input.query.emplace_back("X-Amz-Date", kSuiteTime);
    input.query.emplace_back("X-Amz-Expires", "3600");
    if (*example.token != '\0') input.query.emplace_back("X-Amz-Security-Token", example.token);
    input.query.emplace_back("X-Amz-SignedHeaders", signed_headers(input));
    EXPECT_EQ(signature_of(input, kSuiteScope, kSuiteSecret), example.query_signature)
        << example.name;
  }
}

// ---- the examples of the S3 API reference, and our own cross-checks

const Secret kS3Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
constexpr std::string_view kS3Time = "20130524T000000Z";
constexpr SigningScope kS3Scope{
    .access_key = "AKIAIOSFODNN7EXAMPLE", .region = "us-east-1", .timestamp = kS3Time};
const std::string kEmptyHash = hex(sha256(""));
const std::string kKey = "data set/\u03b1+\u03b2/img(1)'*!~&=@$,;:%23?.jpg";

struct S3Case {
  const char* name;
  const char* method;
  std::string path;
  Pairs query;
  Pairs headers;  // besides x-amz-date and x-amz-content-sha256
  std::string payload_hash;
  const char* signature;
};

TEST(SigV4, signs_the_examples_of_the_s3_reference) {
  const NameValue host{"Host", "examplebucket.s3.amazonaws.com"};
  const std::vector<S3Case> cases = {
      {"get with range",
       "GET",
       "/test.txt",
       {},
       {host, {"Range", "bytes=0-9"}},
       kEmptyHash,
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"put",
       "PUT",
       percent_encode("/test$file.text", true),
       {},
       {host,
        {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
        {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       hex(sha256("Welcome to Amazon S3.")),
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"lifecycle",
       "GET",
       "/",
       {{"lifecycle", ""}},
       {host},
       kEmptyHash,
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"list",
       "GET",
       "/",
       {{"max-keys", "2"}, {"prefix", "J"}},
       {host},
       kEmptyHash,
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
      {"X1 odd key",
       "GET",
       "/" + percent_encode(kKey, true),
       {},
       {host},
       "UNSIGNED-PAYLOAD",
       "ef251ba6b053c3330a35e1b203a91b9f382877672690893f18a2629b067dfa7a"},
      {"X2 list page",
       "GET",
       "/",
       {{"list-type", "2"},
        {"prefix", "data set/\u03b1+\u03b2/"},
        {"delimiter", "/"},
        {"encoding-type", "url"},
        {"max-keys", "1000"},
        {"start-after", "data set/\u03b1+\u03b2/a b"},
        {"continuation-token", "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM="}},
       {host},
       "UNSIGNED-PAYLOAD",
       "5cf50a8ca58f18bea6e1148166bca407cbd19d40fba4a0b15c7b441f5f56d089"},
      {"X3 path style, token, range, if-match",
       "GET",
       "/examplebucket/" + percent_encode(kKey, true),
       {},
       {{"Host", "127.0.0.1:9000"},
        {"x-amz-security-token", "TOKEN/+="},
        {"Range", "bytes=1048576-2097151"},
        {"If-Match", "\"d41d8cd98f00b204e9800998ecf8427e\""}},
       "UNSIGNED-PAYLOAD",
       "963671e1a307266e766b1d3a9b58819741f1f93cbdd5fc6653b412503db2af02"},
  };
  for (const auto& example : cases) {
    SigningInput input{.method = example.method,
                       .path = example.path,
                       .query = example.query,
                       .headers = example.headers,
                       .payload_hash = example.payload_hash};
    input.headers.emplace_back("x-amz-content-sha256", example.payload_hash);
    input.headers.emplace_back("x-amz-date", kS3Time);
    EXPECT_EQ(signature_of(input, kS3Scope, kS3Secret), example.signature) << example.name;
  }
}

TEST(SigV4, presigns_the_example_of_the_s3_reference) {
  const SigningInput input{
      .method = "GET",
      .path = "/test.txt",
      .query = {{"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
                {"X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"},
                {"X-Amz-Date", std::string(kS3Time)},
                {"X-Amz-Expires", "86400"},
                {"X-Amz-SignedHeaders", "host"}},
      .headers = {{"host", "examplebucket.s3.amazonaws.com"}},
      .payload_hash = "UNSIGNED-PAYLOAD"};
  EXPECT_EQ(signature_of(input, kS3Scope, kS3Secret),
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

std::string chunk_signature(std::string_view kind, const std::string& previous,
                            const std::string& hashes) {
  return signature(signing_key(kS3Secret, kS3Scope),
                   std::string(kind) + "\n" + std::string(kS3Time) +
                       "\n20130524/us-east-1/s3/aws4_request\n" + previous + "\n" + hashes);
}

struct ChunkedCase {
  const char* payload;
  Pairs headers;
  const char* seed;
  std::vector<std::string> chunks;
};

TEST(SigV4, signs_the_chunks_of_the_s3_reference) {
  const ChunkedCase cases[] = {
      {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
       {{"content-length", "66824"}},
       "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
       {"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}},
      {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
       {{"x-amz-trailer", "x-amz-checksum-crc32c"}},
       "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
       {"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"}}};
  const std::string data[] = {std::string(65536, 'a'), std::string(1024, 'a'), ""};
  for (const auto& example : cases) {
    SigningInput input{.method = "PUT",
                       .path = "/examplebucket/chunkObject.txt",
                       .query = {},
                       .headers = example.headers,
                       .payload_hash = example.payload};
    input.headers.emplace_back("host", "s3.amazonaws.com");
    input.headers.emplace_back("content-encoding", "aws-chunked");
    input.headers.emplace_back("x-amz-content-sha256", example.payload);
    input.headers.emplace_back("x-amz-date", kS3Time);
    input.headers.emplace_back("x-amz-decoded-content-length", "66560");
    input.headers.emplace_back("x-amz-storage-class", "REDUCED_REDUNDANCY");
    std::string last = signature_of(input, kS3Scope, kS3Secret);
    EXPECT_EQ(last, example.seed) << example.payload;
    for (std::size_t i = 0; i < 3; ++i) {
      last = chunk_signature("AWS4-HMAC-SHA256-PAYLOAD", last,
                             kEmptyHash + "\n" + hex(sha256(data[i])));
      EXPECT_EQ(last, example.chunks[i]) << example.payload << " chunk " << i;
    }
  }
  EXPECT_EQ(chunk_signature("AWS4-HMAC-SHA256-TRAILER", cases[1].chunks[2],
                            hex(sha256("x-amz-checksum-crc32c:sOO8/Q==\n"))),
            "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
}

TEST(SigV4, authorization_names_scope_headers_and_signature) {
  const SigningInput input{
      .method = "GET",
      .path = "/",
      .query = {},
      .headers = {{"X-Amz-Date", std::string(kSuiteTime)}, {"Host", "example.amazonaws.com"}},
      .payload_hash = kEmptyHash};
  EXPECT_EQ(authorization(input, kSuiteScope, signing_key(kSuiteSecret, kSuiteScope)),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(SigV4, timestamp_is_utc_without_separators) {
  EXPECT_EQ(format_timestamp(WallTime(std::chrono::seconds(1440938160))), kSuiteTime);
}

}  // namespace
}  // namespace shoal::store::s3
