// SPDX-License-Identifier: Apache-2.0
// Goal: a write says what it knows and what must hold, its answer is believed only when the sums
// agree, its refusals say what a writer can do, and credentials that were renewed are used.
// Method: a transport that answers from a list and keeps what was sent.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/crc64.h"
#include "fake_transport.h"
#include "store/encoding.h"
#include "store/oss/oss_service.h"
#include "store/remote/remote_store.h"
#include "store/s3/s3_service.h"
#include "store/uploads_page.h"
#include "virtual_loop.h"

namespace shoal::store {
namespace {

const std::string kBody = "the body";

shoal::Md5 md5_of(std::string_view text) {
  shoal::Md5 digest{};
  std::ranges::copy(as_bytes(md5(text)), digest.begin());
  return digest;
}

class RemoteWriteTest : public testing::Test {
 protected:
  RemoteWriteTest() : transport(loop) { open(Scheme::s3, "https://s3.us-east-1.amazonaws.com"); }

  void open(Scheme scheme, const std::string& endpoint, const std::string& source = "a file") {
    const StoreConfig config{.endpoint = endpoint, .region = "r"};
    const Credentials keys{"AK", Secret("SK"), Secret(), source};
    auto service = scheme == Scheme::s3 ? s3::make_service("bucket", config, keys)
                                        : oss::make_service("bucket", config, keys);
    ASSERT_TRUE(service) << service.error().to_string();
    service->renew = [this]() -> Result<std::optional<Credentials>> {
      ++lookups;
      return found;
    };
    store = make_remote_store(loop, transport, nullptr, std::move(*service));
  }
  template <typename T>
  Result<T> await(const std::function<void(Done<T>)>& start) {
    std::optional<Result<T>> outcome;
    start([&](Result<T> result) { outcome = std::move(result); });
    loop.run_until([&] { return outcome.has_value(); });
    return outcome ? std::move(*outcome) : fail(ErrorCode::bug, "the call never ended");
  }
  Result<PutResult> put(const BodyChecks& checks = {}, const WriteCondition& condition = {}) {
    return await<PutResult>([&](Done<PutResult> done) {
      store->put({.key = "k", .body = as_bytes(kBody), .condition = condition, .checks = checks},
                 std::move(done));
    });
  }
  Result<UploadedPart> part(const BodyChecks& checks) {
    return await<UploadedPart>([&](Done<UploadedPart> done) {
      store->upload_part({"k", "id"}, 3, as_bytes(kBody), checks, std::move(done));
    });
  }
  Result<PutResult> complete(const CompleteRequest& request) {
    return await<PutResult>(
        [&](Done<PutResult> done) { store->complete_upload(request, std::move(done)); });
  }
  Result<AppendResult> append(std::uint64_t position, const BodyChecks& checks) {
    return await<AppendResult>([&](Done<AppendResult> done) {
      store->append("k", position, as_bytes(kBody), checks, std::move(done));
    });
  }
  Result<ObjectInfo> head() {
    return await<ObjectInfo>([&](Done<ObjectInfo> done) { store->head("k", std::move(done)); });
  }
  std::string header(std::size_t i, std::string_view name) const {
    for (const auto& [key, value] : transport.sent.at(i).headers)
      if (key == name) return value;
    return "";
  }

  VirtualLoop loop;
  FakeTransport transport;
  std::unique_ptr<ObjectStore> store;
  int lookups = 0;
  std::optional<Credentials> found = Credentials{"AK", Secret("SK"), Secret(), "a file"};
};

FakeAnswer refusal(int status, const std::string& code) {
  return {.status = status, .body = "<Error><Code>" + code + "</Code></Error>"};
}

TEST_F(RemoteWriteTest, a_known_md5_is_sent_signed_and_spares_hashing_the_body_again) {
  open(Scheme::s3, "http://minio:9000");
  const std::string digest = hex(md5(kBody));
  transport.answers = {{.headers = {{"ETag", "\"" + digest + "\""}}}, {}};
  const auto stored = put({.md5 = md5_of(kBody)});
  ASSERT_TRUE(stored) << stored.error().to_string();
  EXPECT_EQ(stored->etag, digest);
  EXPECT_EQ(header(0, "Content-MD5"), base64(md5(kBody)));
  EXPECT_EQ(header(0, "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_NE(header(0, "Authorization").find("content-md5;"), std::string::npos);
  ASSERT_TRUE(put());
  EXPECT_EQ(header(1, "x-amz-content-sha256"), hex(sha256(kBody)));
}

TEST_F(RemoteWriteTest, oss_sends_the_callers_md5_and_not_two) {
  open(Scheme::oss, "http://oss.example.com");
  transport.answers = {{}};
  ASSERT_TRUE(put({.md5 = md5_of(kBody)}));
  EXPECT_EQ(std::ranges::count(transport.sent[0].headers, "Content-MD5", &http::Header::name), 1);
}

TEST_F(RemoteWriteTest, an_answer_with_another_md5_is_corrupt_and_names_both) {
  const std::string right = hex(md5(kBody));
  const std::string wrong = hex(md5("another body"));
  std::string upper = right;
  std::ranges::transform(upper, upper.begin(), [](char c) { return c >= 'a' ? c - 'a' + 'A' : c; });
  struct Case {
    const char* name;
    std::vector<http::Header> headers;
    bool is_good;
  };
  const Case cases[] = {
      {"the same", {{"ETag", "\"" + right + "\""}}, true},
      {"in capitals", {{"ETag", "\"" + upper + "\""}}, true},
      {"another", {{"ETag", "\"" + wrong + "\""}}, false},
      {"no ETag", {}, true},
      {"no MD5", {{"ETag", "\"" + wrong + "-1\""}}, true},
      {"the service's usual key",
       {{"ETag", "\"" + wrong + "\""}, {"x-amz-server-side-encryption", "AES256"}},
       false},
      {"a key of a key service",
       {{"ETag", "\"" + wrong + "\""}, {"x-amz-server-side-encryption", "aws:kms"}},
       true},
      {"the client's key",
       {{"ETag", "\"" + wrong + "\""},
        {"x-amz-server-side-encryption-customer-algorithm", "AES256"}},
       true},
      {"OSS's key service",
       {{"ETag", "\"" + wrong + "\""}, {"x-oss-server-side-encryption", "KMS"}},
       true},
  };
  for (const auto& [name, headers, is_good] : cases) {
    transport.answers = {{.headers = headers}, {.headers = headers}};
    const auto stored = put({.md5 = md5_of(kBody)});
    const auto uploaded = part({.md5 = md5_of(kBody)});
    EXPECT_EQ(stored.has_value(), is_good) << name;
    EXPECT_EQ(uploaded.has_value(), is_good) << name;
    if (is_good) continue;
    const std::string text = stored.error().to_string();
    EXPECT_EQ(stored.error().code(), ErrorCode::corrupt) << text;
    EXPECT_EQ(stored.error().retry(), Retry::yes) << text;
    EXPECT_NE(text.find(right), std::string::npos) << text;
    EXPECT_NE(text.find(wrong), std::string::npos) << text;
    EXPECT_EQ(uploaded.error().code(), ErrorCode::corrupt);
  }
}

TEST_F(RemoteWriteTest, a_wrong_sum_of_a_conditional_put_is_not_simply_repeated) {
  transport.answers = {{.headers = {{"ETag", "\"" + hex(md5("another")) + "\""}}}};
  EXPECT_EQ(put({.md5 = md5_of(kBody)}, {.if_absent = true}).error().retry(),
            Retry::unknown_effect);
}

TEST_F(RemoteWriteTest, the_crc64_of_oss_is_compared_where_it_is_of_the_same_bytes) {
  open(Scheme::oss, "https://oss-r.aliyuncs.com");
  const std::uint64_t right = crc64_xz(as_bytes(kBody));
  const FakeAnswer good{.headers = {{"x-oss-hash-crc64ecma", std::to_string(right)}}};
  const FakeAnswer bad{.headers = {{"x-oss-hash-crc64ecma", "17"}}};
  const std::string made =
      "<CompleteMultipartUploadResult><ETag>\"e-1\"</ETag></CompleteMultipartUploadResult>";
  FakeAnswer good_end = good;
  FakeAnswer bad_end = bad;
  good_end.body = bad_end.body = made;
  const CompleteRequest end{.upload = {"k", "id"}, .parts = {{1, "e"}}, .crc64 = right};

  transport.answers = {good, good, good, good_end, {}};
  EXPECT_TRUE(put({.crc64 = right}));
  EXPECT_TRUE(part({.crc64 = right}));
  EXPECT_TRUE(append(0, {.crc64 = right}));
  EXPECT_TRUE(complete(end));
  EXPECT_TRUE(put({.crc64 = right})) << "an answer without a sum proves nothing";

  transport.answers = {bad, bad, bad, bad_end, bad};
  EXPECT_EQ(put({.crc64 = right}).error().code(), ErrorCode::corrupt);
  EXPECT_EQ(part({.crc64 = right}).error().code(), ErrorCode::corrupt);
  const auto appended = append(0, {.crc64 = right});
  EXPECT_EQ(appended.error().code(), ErrorCode::corrupt);
  EXPECT_EQ(appended.error().retry(), Retry::unknown_effect) << "the bytes are there";
  const auto ended = complete(end);
  EXPECT_EQ(ended.error().code(), ErrorCode::corrupt);
  EXPECT_NE(ended.error().to_string().find(std::to_string(right)), std::string::npos);
  EXPECT_TRUE(append(100, {.crc64 = right})) << "the sum is of the whole object";
}

TEST_F(RemoteWriteTest, conditions_and_content_types_become_headers) {
  const std::string made = "<R><UploadId>u</UploadId><ETag>e</ETag></R>";
  transport.answers = {{}, {}, {.body = made}, {.body = made}};
  ASSERT_TRUE(put({}, {.if_absent = true}));
  ASSERT_TRUE(put({}, {.if_match = "v1"}));
  ASSERT_TRUE(complete({.upload = {"k", "id"}, .parts = {}, .condition = {.if_match = "v2"}}));
  ASSERT_TRUE(await<UploadId>(
      [&](Done<UploadId> done) { store->create_upload("k", "text/csv", std::move(done)); }));
  EXPECT_EQ(header(0, "If-None-Match"), "*");
  EXPECT_EQ(header(1, "If-Match"), "\"v1\"");
  EXPECT_EQ(header(2, "If-Match"), "\"v2\"");
  EXPECT_EQ(header(3, "Content-Type"), "text/csv");

  open(Scheme::oss, "https://oss-r.aliyuncs.com");
  const auto refused = put({}, {.if_match = "v1"});
  EXPECT_EQ(refused.error().code(), ErrorCode::unsupported) << refused.error().to_string();
  EXPECT_EQ(transport.sent.size(), 4u) << "nothing was sent";
}

TEST_F(RemoteWriteTest, refusals_of_writes_say_what_a_writer_can_do) {
  struct Case {
    FakeAnswer answer;
    WriteCondition condition;
    ErrorCode code;
    Retry retry;
    const char* text;
  };
  const Case cases[] = {
      {refusal(412, "PreconditionFailed"),
       {.if_absent = true},
       ErrorCode::precondition,
       Retry::no,
       "--no-clobber"},
      {refusal(412, "PreconditionFailed"),
       {.if_match = "v"},
       ErrorCode::precondition,
       Retry::no,
       "`shoal stat`"},
      {{.status = 412}, {.if_match = "v"}, ErrorCode::precondition, Retry::no, "`shoal stat`"},
      {refusal(404, "NoSuchKey"),
       {.if_match = "v"},
       ErrorCode::precondition,
       Retry::no,
       "`shoal stat`"},
      {refusal(409, "ConditionalRequestConflict"),
       {.if_absent = true},
       ErrorCode::unavailable,
       Retry::yes,
       "Something else writes"},
      {refusal(409, "OperationAborted"),
       {},
       ErrorCode::unavailable,
       Retry::yes,
       "Something else writes"},
      {refusal(400, "BadDigest"), {}, ErrorCode::corrupt, Retry::yes, "changed on their way"},
  };
  for (const auto& [answer, condition, code, retry, expected] : cases) {
    transport.answers = {answer};
    const auto stored = put({}, condition);
    ASSERT_FALSE(stored);
    const std::string text = stored.error().to_string();
    EXPECT_EQ(stored.error().code(), code) << text;
    EXPECT_EQ(stored.error().retry(), retry) << text;
    EXPECT_NE(text.find(expected), std::string::npos) << text;
    EXPECT_EQ(text.find("index build"), std::string::npos) << text;
  }
}

TEST_F(RemoteWriteTest, a_200_that_carries_an_error_is_that_error) {
  struct Case {
    const char* code;
    ErrorCode error;
    Retry retry;
  };
  for (const auto& [code, error, retry] :
       {Case{"InternalError", ErrorCode::unavailable, Retry::unknown_effect},
        Case{"SlowDown", ErrorCode::throttled, Retry::yes},
        Case{"ConditionalRequestConflict", ErrorCode::unavailable, Retry::yes},
        Case{"PreconditionFailed", ErrorCode::precondition, Retry::no}}) {
    FakeAnswer answer = refusal(200, code);
    transport.answers = {answer, answer};
    const auto made =
        complete({.upload = {"k", "id"}, .parts = {{1, "e"}}, .condition = {.if_absent = true}});
    const auto copied =
        await<PutResult>([&](Done<PutResult> done) { store->copy("a", "b", std::move(done)); });
    for (const auto* result : {&made, &copied}) {
      ASSERT_FALSE(*result) << code;
      EXPECT_EQ(result->error().code(), error) << code;
      EXPECT_EQ(result->error().retry(), retry) << code;
      EXPECT_EQ(result->error().to_string().find("index build"), std::string::npos);
    }
  }
}

TEST_F(RemoteWriteTest, lists_uploads_page_by_page) {
  transport.answers = {
      {.body = "<ListMultipartUploadsResult><EncodingType>url</EncodingType>"
               "<IsTruncated>true</IsTruncated><NextKeyMarker>a+b%2F</NextKeyMarker>"
               "<NextUploadIdMarker>u2</NextUploadIdMarker>"
               "<Upload><Key>a%2Bx</Key><UploadId>u1</UploadId><Initiator><ID>i</ID></Initiator>"
               "<Initiated>2023-12-16T16:20:57.000Z</Initiated></Upload>"
               "<Upload><Key>a+b%2F</Key><UploadId>u2</UploadId></Upload>"
               "</ListMultipartUploadsResult>"},
      {.body = "<html></html>"}};
  const auto list = [&](const ListUploadsRequest& request) {
    return await<UploadsPage>(
        [&](Done<UploadsPage> done) { store->list_uploads(request, std::move(done)); });
  };
  const auto page = list({.prefix = "a", .key_marker = "a b", .id_marker = "u0"});
  ASSERT_TRUE(page) << page.error().to_string();
  EXPECT_TRUE(
      transport.sent[0].url.ends_with("/?uploads&encoding-type=url&max-uploads=1000"
                                      "&prefix=a&key-marker=a%20b&upload-id-marker=u0"))
      << transport.sent[0].url;
  ASSERT_EQ(page->uploads.size(), 2u);
  EXPECT_EQ(page->uploads[0].upload.key, "a+x");
  EXPECT_EQ(page->uploads[0].upload.id, "u1");
  EXPECT_EQ(page->uploads[0].initiated, 1702743657);
  EXPECT_EQ(page->uploads[1].upload.key, "a b/");
  EXPECT_FALSE(page->is_last);
  EXPECT_EQ(page->next_key_marker, "a b/");
  EXPECT_EQ(page->next_id_marker, "u2");
  EXPECT_EQ(list({}).error().code(), ErrorCode::corrupt);
  for (const char* body :
       {"<ListMultipartUploadsResult/>",
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>k</Key></Upload>"
        "</ListMultipartUploadsResult>"})
    EXPECT_EQ(parse_uploads_page(as_bytes(std::string_view(body))).error().code(),
              ErrorCode::corrupt)
        << body;
}

TEST_F(RemoteWriteTest, renewed_credentials_are_used_at_once_and_from_then_on) {
  for (const Scheme scheme : {Scheme::s3, Scheme::oss}) {
    open(scheme, scheme == Scheme::s3 ? "https://s3.us-east-1.amazonaws.com"
                                      : "https://oss-r.aliyuncs.com");
    transport.sent.clear();
    const int before = lookups;
    found = Credentials{"AK2", Secret("SK2"), Secret("token"), "a file"};
    transport.answers = {refusal(400, "ExpiredToken"), {}, {}};
    ASSERT_TRUE(put());
    ASSERT_TRUE(put());
    ASSERT_EQ(transport.sent.size(), 3u);
    EXPECT_EQ(lookups, before + 1);
    EXPECT_NE(header(0, "Authorization").find("AK/"), std::string::npos);
    EXPECT_NE(header(1, "Authorization").find("AK2/"), std::string::npos);
    EXPECT_NE(header(2, "Authorization").find("AK2/"), std::string::npos);
    const char* token = scheme == Scheme::s3 ? "x-amz-security-token" : "x-oss-security-token";
    EXPECT_EQ(header(1, token), "token");
  }
}

TEST_F(RemoteWriteTest, each_refusal_that_other_credentials_may_help_looks_them_up) {
  for (const char* code : {"ExpiredToken", "InvalidToken", "TokenRefreshRequired",
                           "InvalidSecurityToken", "SecurityTokenExpired", "InvalidAccessKeyId"}) {
    open(Scheme::s3, "https://s3.us-east-1.amazonaws.com");
    found = Credentials{"AK2", Secret("SK2"), Secret(), "a file"};
    transport.answers = {refusal(403, code), {}};
    EXPECT_TRUE(put()) << code;
  }
  const int before = lookups;
  transport.answers = {refusal(403, "AccessDenied"), refusal(403, "SignatureDoesNotMatch")};
  EXPECT_FALSE(put());
  EXPECT_FALSE(put());
  EXPECT_EQ(lookups, before);
  // HEAD gets no word of why.
  open(Scheme::s3, "https://s3.us-east-1.amazonaws.com");
  transport.answers = {{.status = 403}, {.status = 404}};
  EXPECT_EQ(head().error().code(), ErrorCode::not_found);
}

TEST_F(RemoteWriteTest, the_same_credentials_are_not_tried_again_and_not_looked_up_each_time) {
  for (int i = 0; i < 5; ++i) {
    transport.answers = {refusal(403, "InvalidAccessKeyId")};
    const auto stored = put();
    ASSERT_FALSE(stored);
    const std::string text = stored.error().to_string();
    EXPECT_EQ(stored.error().code(), ErrorCode::permission) << text;
    EXPECT_NE(text.find("read again by themselves"), std::string::npos) << text;
  }
  EXPECT_EQ(transport.sent.size(), 5u);
  EXPECT_EQ(lookups, 1);
  transport.answer_delay = std::chrono::seconds(2);
  found = Credentials{"AK2", Secret("SK2"), Secret(), "a file"};
  transport.answers = {refusal(403, "InvalidAccessKeyId"), {}};
  EXPECT_TRUE(put()) << "a second later it is looked again";
}

TEST_F(RemoteWriteTest, calls_under_way_share_one_lookup) {
  found = Credentials{"AK2", Secret("SK2"), Secret(), "a file"};
  for (int i = 0; i < 3; ++i) transport.answers.push_back(refusal(400, "ExpiredToken"));
  for (int i = 0; i < 3; ++i) transport.answers.push_back({});
  int ended = 0;
  for (int i = 0; i < 3; ++i)
    store->put({.key = "k", .body = as_bytes(kBody)}, [&](Result<PutResult> result) {
      EXPECT_TRUE(result) << result.error().to_string();
      ++ended;
    });
  loop.run_until([&] { return ended == 3; });
  EXPECT_EQ(ended, 3);
  EXPECT_EQ(lookups, 1);
}

TEST_F(RemoteWriteTest, credentials_of_the_environment_are_not_said_to_be_read_again) {
  open(Scheme::s3, "https://s3.us-east-1.amazonaws.com", "environment AWS_ACCESS_KEY_ID");
  transport.answers = {refusal(400, "ExpiredToken")};
  EXPECT_EQ(put().error().to_string().find("by themselves"), std::string::npos);
}

}  // namespace
}  // namespace shoal::store
