// SPDX-License-Identifier: Apache-2.0
// Goal: requests are what the services ask for, answers are believed only when they are what was
// asked for, and refusals become errors a person can act on. Method: a transport that answers from
// a list and keeps what was sent.
#include "store/remote/remote_store.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fake_transport.h"
#include "store/encoding.h"
#include "store/oss/oss_service.h"
#include "store/s3/s3_service.h"
#include "virtual_loop.h"

namespace shoal::store {
namespace {

class TextSink final : public BodySink {
 public:
  Result<void> on_bytes(ByteSpan bytes) override {
    text += as_text(bytes);
    return {};
  }
  std::string text;
};

class RemoteStoreTest : public testing::Test {
 protected:
  RemoteStoreTest() : transport(loop) {
    open(Scheme::s3, {.endpoint = "https://s3.us-east-1.amazonaws.com", .region = "us-east-1"});
  }

  void open(Scheme scheme, const StoreConfig& config, bool anonymous = false) {
    std::optional<Credentials> keys;
    if (!anonymous) keys = Credentials{"AK", Secret("SK"), Secret(), "environment"};
    auto service = scheme == Scheme::s3 ? s3::make_service("bucket", config, keys)
                                        : oss::make_service("bucket", config, keys);
    ASSERT_TRUE(service) << service.error().to_string();
    store = make_remote_store(loop, transport, nullptr, std::move(*service));
  }
  template <typename T>
  Result<T> await(const std::function<void(Done<T>)>& start) {
    std::optional<Result<T>> outcome;
    start([&](Result<T> result) { outcome = std::move(result); });
    loop.run_all();
    return outcome ? std::move(*outcome) : fail(ErrorCode::bug, "the call never ended");
  }
  Result<std::string> get(const GetRequest& request) {
    TextSink sink;
    auto result = await<void>([&](Done<void> done) { store->get(request, sink, std::move(done)); });
    if (!result) return fail(std::move(result).error());
    return sink.text;
  }
  Result<ListPage> list(const ListRequest& request = {}) {
    return await<ListPage>([&](Done<ListPage> done) { store->list(request, std::move(done)); });
  }
  std::string header(std::size_t i, std::string_view name) const {
    for (const auto& [key, value] : transport.sent.at(i).headers)
      if (key == name) return value;
    return "";
  }

  VirtualLoop loop;
  FakeTransport transport;
  std::unique_ptr<ObjectStore> store;
};

const std::string kEmptyPage =
    "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

TEST_F(RemoteStoreTest, a_whole_object_is_asked_for_without_a_range) {
  transport.answers = {{.headers = {{"Content-Length", "5"}, {"ETag", "\"v1\""}}, .body = "hello"}};
  EXPECT_EQ(get({.key = "a b", .length = 5, .if_match = "v1", .object_size = 5}).value_or("?"),
            "hello");
  EXPECT_EQ(transport.sent[0].url, "https://bucket.s3.us-east-1.amazonaws.com/a%20b");
  EXPECT_EQ(header(0, "Range"), "");
  EXPECT_EQ(header(0, "If-Match"), "\"v1\"");
}

TEST_F(RemoteStoreTest, a_part_is_asked_for_with_a_range) {
  transport.answers = {
      {.status = 206, .headers = {{"Content-Range", "bytes 2-4/9"}}, .body = "abc"}};
  EXPECT_EQ(get({.key = "k", .offset = 2, .length = 3, .object_size = 9}).value_or("?"), "abc");
  EXPECT_EQ(header(0, "Range"), "bytes=2-4");
}

TEST_F(RemoteStoreTest, an_answer_that_is_not_what_was_asked_for_is_refused) {
  struct Case {
    const char* name;
    FakeAnswer answer;
    ErrorCode code;
  };
  const Case cases[] = {
      {"whole object for a range", {.status = 200, .body = "0123456789"}, ErrorCode::unsupported},
      {"another range",
       {.status = 206, .headers = {{"Content-Range", "bytes 3-5/9"}}, .body = "abc"},
       ErrorCode::corrupt},
      {"no range named", {.status = 206, .body = "abc"}, ErrorCode::corrupt},
      {"shorter object",
       {.status = 206, .headers = {{"Content-Range", "bytes 2-3/4"}}, .body = "ab"},
       ErrorCode::precondition},
      {"another total",
       {.status = 206, .headers = {{"Content-Range", "bytes 2-4/5"}}, .body = "abc"},
       ErrorCode::precondition},
      {"another version",
       {.status = 206,
        .headers = {{"Content-Range", "bytes 2-4/9"}, {"ETag", "\"v2\""}},
        .body = "abc"},
       ErrorCode::precondition},
      {"too few bytes",
       {.status = 206, .headers = {{"Content-Range", "bytes 2-4/9"}}, .body = "ab"},
       ErrorCode::corrupt},
      {"too many bytes",
       {.status = 206, .headers = {{"Content-Range", "bytes 2-4/9"}}, .body = "abcd"},
       ErrorCode::corrupt},
  };
  for (const auto& example : cases) {
    transport.answers = {example.answer};
    const auto result =
        get({.key = "k", .offset = 2, .length = 3, .if_match = "v1", .object_size = 9});
    ASSERT_FALSE(result) << example.name;
    EXPECT_EQ(result.error().code(), example.code)
        << example.name << ": " << result.error().to_string();
  }
}

TEST_F(RemoteStoreTest, a_short_body_may_be_tried_again) {
  transport.answers = {{.body = "abc"}};
  EXPECT_EQ(get({.key = "k", .length = 5, .object_size = 5}).error().retry(), Retry::yes);
}

TEST_F(RemoteStoreTest, the_region_is_learned_once_for_all_requests) {
  const FakeAnswer elsewhere{.status = 301,
                             .headers = {{"x-amz-bucket-region", "eu-west-1"}},
                             .body = "<Error><Code>PermanentRedirect</Code></Error>"};
  transport.answers = {elsewhere, {.body = kEmptyPage}, {.body = kEmptyPage}};
  EXPECT_TRUE(list());
  EXPECT_TRUE(list());
  ASSERT_EQ(transport.sent.size(), 3u);
  EXPECT_TRUE(transport.sent[1].url.starts_with("https://bucket.s3.eu-west-1.amazonaws.com/?"));
  EXPECT_NE(header(1, "Authorization").find("/eu-west-1/s3/"), std::string::npos);
  EXPECT_NE(header(2, "Authorization").find("/eu-west-1/s3/"), std::string::npos);
}

TEST_F(RemoteStoreTest, the_deadline_of_a_get_bounds_all_its_requests_together) {
  transport.answers = {{.status = 301, .headers = {{"x-amz-bucket-region", "eu-west-1"}}},
                       {.status = 200, .headers = {{"Content-Length", "4"}}, .body = "body"}};
  transport.answer_delay = std::chrono::seconds(3);
  TextSink sink;
  std::optional<Result<void>> outcome;
  store->get({.key = "k", .length = 4, .object_size = 4, .deadline = std::chrono::seconds(10)},
             sink, [&](Result<void> result) { outcome = std::move(result); });
  loop.run_until([&] { return outcome.has_value(); });
  ASSERT_EQ(transport.sent.size(), 2u);
  EXPECT_EQ(transport.sent[0].deadline, std::chrono::seconds(10));
  EXPECT_EQ(transport.sent[1].deadline, std::chrono::seconds(7));
}

TEST_F(RemoteStoreTest, the_region_may_stand_in_the_body_and_is_tried_once) {
  open(Scheme::s3, {.endpoint = "http://minio:9000", .region = "us-east-1"});
  const auto refusal = [](const std::string& region) {
    return FakeAnswer{.status = 400,
                      .body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>" + region +
                              "</Region></Error>"};
  };
  transport.answers = {refusal("r2"), refusal("r3")};
  const auto page = list();
  ASSERT_FALSE(page);
  EXPECT_EQ(transport.sent.size(), 2u);
  EXPECT_TRUE(transport.sent[1].url.starts_with("http://minio:9000/bucket/?"))
      << transport.sent[1].url;
  EXPECT_NE(header(1, "Authorization").find("/r2/s3/"), std::string::npos);
  EXPECT_NE(page.error().remedy().find("--region r3"), std::string::npos)
      << page.error().to_string();
}

TEST_F(RemoteStoreTest, the_clock_is_learned_once) {
  const auto date = format_http_date(loop.clock().wall_now() + std::chrono::hours(2));
  const FakeAnswer skewed{.status = 403,
                          .headers = {{"Date", date}},
                          .body = "<Error><Code>RequestTimeTooSkewed</Code></Error>"};
  transport.answers = {skewed, {.body = kEmptyPage}};
  EXPECT_TRUE(list());
  EXPECT_NE(header(0, "x-amz-date"), header(1, "x-amz-date"));
  transport.answers = {skewed, skewed};
  const auto page = list();
  ASSERT_FALSE(page);
  EXPECT_NE(page.error().remedy().find("7200 seconds behind"), std::string::npos)
      << page.error().to_string();
}

TEST_F(RemoteStoreTest, a_late_error_of_complete_is_an_error) {
  const auto complete = [&] {
    return await<PutResult>([&](Done<PutResult> done) {
      store->complete_upload({.upload = {"k", "id"}, .parts = {{1, "e1"}, {2, "e2"}}},
                             std::move(done));
    });
  };
  transport.answers = {
      {.body = "  \n<Error><Code>InternalError</Code><Message>m</Message></Error>"}};
  const auto refused = complete();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::unavailable) << refused.error().to_string();
  EXPECT_EQ(refused.error().retry(), Retry::unknown_effect);
  EXPECT_EQ(
      transport.bodies[0],
      "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e1&quot;</ETag></Part>"
      "<Part><PartNumber>2</PartNumber><ETag>&quot;e2&quot;</ETag></Part></"
      "CompleteMultipartUpload>");
  transport.answers = {{.body = "<CompleteMultipartUploadResult><ETag>&quot;v-2&quot;</ETag>"
                                "</CompleteMultipartUploadResult>"}};
  EXPECT_EQ(complete()->etag, "v-2");
  transport.answers = {{.body = "   "}};
  EXPECT_EQ(complete().error().code(), ErrorCode::unavailable);
}

TEST_F(RemoteStoreTest, refusals_name_what_where_and_what_to_do) {
  struct Case {
    FakeAnswer answer;
    ErrorCode code;
    Retry retry;
    const char* text;  // somewhere in the error
  };
  const Case cases[] = {
      {{.status = 404, .body = "<Error><Code>NoSuchBucket</Code></Error>"},
       ErrorCode::not_found,
       Retry::no,
       "bucket s3://bucket does not exist at bucket.s3.us-east-1.amazonaws.com"},
      {{.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"},
       ErrorCode::permission,
       Retry::no,
       "Credentials used: environment"},
      {{.status = 403, .body = "<Error><Code>ExpiredToken</Code></Error>"},
       ErrorCode::permission,
       Retry::no,
       "temporary credentials"},
      {{.status = 503, .body = "<Error><Code>SlowDown</Code></Error>"},
       ErrorCode::throttled,
       Retry::yes,
       "SlowDown"},
      {{.status = 503}, ErrorCode::throttled, Retry::yes, "HTTP 503"},
      {{.status = 500, .headers = {{"x-amz-request-id", "R1"}}},
       ErrorCode::unavailable,
       Retry::unknown_effect,
       "[request R1]"},
      {{.status = 503, .body = "<Error><Code>TotalQpsLimitExceeded</Code></Error>"},
       ErrorCode::throttled,
       Retry::yes,
       "TotalQpsLimitExceeded"},
      {{.status = 404, .body = "<!DOCTYPE html><html>Not Found</html>"},
       ErrorCode::bad_input,
       Retry::no,
       "an S3 or OSS endpoint"},
      {{.status = 200, .body = "<html></html>"},
       ErrorCode::corrupt,
       Retry::no,
       "an S3 or OSS endpoint"},
      {{.status = 418}, ErrorCode::bad_input, Retry::no, "HTTP 418"},
  };
  for (const auto& example : cases) {
    transport.answers = {example.answer};
    const auto page = list({.prefix = "p/"});
    ASSERT_FALSE(page);
    const std::string text = page.error().to_string();
    EXPECT_EQ(page.error().code(), example.code) << text;
    EXPECT_EQ(page.error().retry(), example.retry) << text;
    EXPECT_NE(text.find(example.text), std::string::npos) << text;
    EXPECT_NE(text.find("s3://bucket"), std::string::npos) << text;
  }
}

TEST_F(RemoteStoreTest, retry_after_is_heard) {
  transport.answers = {{.status = 503, .headers = {{"Retry-After", "3"}}}};
  EXPECT_EQ(list().error().retry_after(), std::chrono::seconds(3));
  open(Scheme::oss, {.endpoint = "https://oss-cn-hangzhou.aliyuncs.com", .region = "cn-hangzhou"});
  transport.answers = {{.status = 503, .headers = {{"x-oss-qos-delay-time", "250"}}}};
  EXPECT_EQ(list().error().retry_after(), std::chrono::milliseconds(250));
}

TEST_F(RemoteStoreTest, oss_has_its_own_words) {
  open(Scheme::oss, {.endpoint = "https://oss-cn-hangzhou.aliyuncs.com", .region = "cn-hangzhou"});
  transport.answers = {
      {.status = 206, .headers = {{"Content-Range", "bytes 2-4/9"}}, .body = "abc"},
      {.status = 404,
       .headers = {{"x-oss-err", base64("<Error><Code>NoSuchKey</Code>"
                                        "<Message>gone</Message></Error>")}}},
      {.status = 409, .body = "<Error><Code>FileAlreadyExists</Code></Error>"},
      {.headers = {{"x-oss-next-append-position", "13"}}}};
  EXPECT_EQ(get({.key = "k", .offset = 2, .length = 3}).value_or("?"), "abc");
  EXPECT_EQ(transport.sent[0].url, "https://bucket.oss-cn-hangzhou.aliyuncs.com/k");
  EXPECT_EQ(header(0, "x-oss-range-behavior"), "standard");
  const auto info =
      await<ObjectInfo>([&](Done<ObjectInfo> done) { store->head("k", std::move(done)); });
  EXPECT_EQ(info.error().code(), ErrorCode::not_found);
  EXPECT_NE(info.error().message().find("NoSuchKey: gone"), std::string::npos)
      << info.error().to_string();
  const auto put = await<PutResult>([&](Done<PutResult> done) {
    store->put({.key = "k", .body = {}, .condition = {.if_absent = true}}, std::move(done));
  });
  EXPECT_EQ(put.error().code(), ErrorCode::precondition);
  EXPECT_EQ(header(2, "x-oss-forbid-overwrite"), "true");
  const auto append = await<AppendResult>([&](Done<AppendResult> done) {
    store->append("k", 10, as_bytes("xyz"), {}, std::move(done));
  });
  EXPECT_EQ(append->next_position, 13u);
  EXPECT_TRUE(transport.sent[3].url.ends_with("/k?append&position=10")) << transport.sent[3].url;
}

TEST_F(RemoteStoreTest, anonymous_requests_carry_no_signature) {
  open(Scheme::s3, {.endpoint = "https://s3.us-east-1.amazonaws.com", .region = "us-east-1"}, true);
  transport.answers = {{.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"}};
  const auto page = list();
  EXPECT_EQ(header(0, "Authorization"), "");
  EXPECT_NE(page.error().remedy().find("not signed"), std::string::npos)
      << page.error().to_string();
}

TEST_F(RemoteStoreTest, a_destroyed_store_ends_its_calls) {
  int ends = 0;
  store->list({}, [&](Result<ListPage> page) {
    ++ends;
    EXPECT_EQ(page.error().code(), ErrorCode::canceled);
  });
  store.reset();
  EXPECT_EQ(ends, 0);
  loop.run_all();
  EXPECT_EQ(ends, 1);
}

TEST_F(RemoteStoreTest, addresses_follow_the_endpoint_and_the_wish) {
  struct Case {
    Scheme scheme;
    const char* endpoint;
    Addressing addressing;
    const char* url;
  };
  const Case cases[] = {
      {Scheme::s3, "https://s3.eu-west-1.amazonaws.com", Addressing::automatic,
       "https://bucket.s3.eu-west-1.amazonaws.com/k"},
      {Scheme::s3, "https://s3.eu-west-1.amazonaws.com", Addressing::path,
       "https://s3.eu-west-1.amazonaws.com/bucket/k"},
      {Scheme::s3, "http://127.0.0.1:9000", Addressing::automatic,
       "http://127.0.0.1:9000/bucket/k"},
      {Scheme::s3, "https://minio.example.com:443/", Addressing::automatic,
       "https://minio.example.com/bucket/k"},
      {Scheme::s3, "https://s3.oss-cn-hangzhou.aliyuncs.com", Addressing::automatic,
       "https://bucket.s3.oss-cn-hangzhou.aliyuncs.com/k"},
      {Scheme::oss, "http://oss-cn-hangzhou-internal.aliyuncs.com", Addressing::automatic,
       "http://bucket.oss-cn-hangzhou-internal.aliyuncs.com/k"},
      {Scheme::oss, "http://localhost:9000", Addressing::automatic,
       "http://localhost:9000/bucket/k"},
      {Scheme::oss, "https://data.example.com", Addressing::cname, "https://data.example.com/k"},
  };
  for (const auto& example : cases) {
    open(example.scheme,
         {.endpoint = example.endpoint, .region = "r", .addressing = example.addressing});
    transport.answers = {{.headers = {{"Content-Length", "1"}}, .body = "x"}};
    transport.sent.clear();
    EXPECT_TRUE(get({.key = "k", .length = 1, .object_size = 1}));
    EXPECT_EQ(transport.sent.at(0).url, example.url);
  }
}

}  // namespace
}  // namespace shoal::store
