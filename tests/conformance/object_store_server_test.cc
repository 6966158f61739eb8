// SPDX-License-Identifier: Apache-2.0
// Goal: what only a server can refuse is told to the user, or overcome, as promised.
// Method: the dev bucket with its own region or clock, and clients with wrong credentials, wrong
// regions and wrong clocks.
#include <gtest/gtest.h>

#include "dev_bucket.h"
#include "object_store_bench.h"

namespace shoal::store {
namespace {

Result<PutResult> put(Bench& bench, const std::string& body) {
  return await<PutResult>(bench, [&](Done<PutResult> done) {
    bench.store().put({.key = "server-test", .body = as_bytes(body)}, std::move(done));
  });
}
Result<ListPage> list(Bench& bench) {
  return await<ListPage>(bench,
                         [&](Done<ListPage> done) { bench.store().list({}, std::move(done)); });
}
Result<ObjectInfo> head(Bench& bench) {
  return await<ObjectInfo>(
      bench, [&](Done<ObjectInfo> done) { bench.store().head("server-test", std::move(done)); });
}

class ObjectStoreServer : public testing::Test {
 protected:
  std::unique_ptr<Bench> bench(Scheme scheme, SignatureVersion version,
                               const std::function<void(RemoteOptions&)>& change) {
    std::string why;
    auto options = dev_bucket_options(scheme, version, why);
    if (!options) {
      skip_reason = why;
      return nullptr;
    }
    change(*options);
    return make_remote_bench(*options);
  }
  std::string skip_reason;
};

TEST_F(ObjectStoreServer, a_wrong_secret_is_named_with_its_source) {
  for (const auto& [scheme, version] :
       {std::pair(Scheme::s3, SignatureVersion::v4), std::pair(Scheme::oss, SignatureVersion::v4),
        std::pair(Scheme::oss, SignatureVersion::v1)}) {
    const auto wrong = bench(scheme, version, [](RemoteOptions& options) {
      options.credentials->secret_key = Secret("not-the-secret");
    });
    if (!wrong) GTEST_SKIP() << skip_reason;
    const auto page = list(*wrong);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code(), ErrorCode::permission);
    const std::string text = page.error().to_string();
    EXPECT_NE(text.find("SignatureDoesNotMatch"), std::string::npos) << text;
    EXPECT_NE(text.find("secret key"), std::string::npos) << text;
    EXPECT_NE(text.find("the test"), std::string::npos) << text;
    EXPECT_EQ(text.find("not-the-secret"), std::string::npos) << text;
  }
}

TEST_F(ObjectStoreServer, an_unknown_key_and_an_unsigned_request_have_their_own_remedies) {
  const auto unknown = bench(Scheme::s3, SignatureVersion::v4, [](RemoteOptions& options) {
    options.credentials->access_key = "nobody";
  });
  if (!unknown) GTEST_SKIP() << skip_reason;
  const auto first = list(*unknown);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code(), ErrorCode::permission);
  EXPECT_NE(first.error().remedy().find("access key"), std::string::npos)
      << first.error().to_string();
  const auto anonymous = bench(Scheme::s3, SignatureVersion::v4,
                               [](RemoteOptions& options) { options.credentials.reset(); });
  const auto second = list(*anonymous);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::permission);
  EXPECT_NE(second.error().remedy().find("not signed"), std::string::npos)
      << second.error().to_string();
}

TEST_F(ObjectStoreServer, the_region_is_learned_from_the_refusal) {
  std::string why;
  const auto server = DevBucket::start({"--region", "eu-west-3"}, why);
  if (!server) GTEST_SKIP() << why;
  const auto learning = bench(Scheme::s3, SignatureVersion::v4, [&](RemoteOptions& options) {
    options.config.endpoint = server->endpoint();
    options.config.region = "us-east-1";
  });
  const auto stored = put(*learning, "in another region");
  EXPECT_TRUE(stored) << stored.error().to_string();
  EXPECT_TRUE(list(*learning));
}

TEST_F(ObjectStoreServer, the_servers_clock_is_learned_from_the_refusal) {
  std::string why;
  const auto server = DevBucket::start({"--clock-skew-s", "7200"}, why);
  if (!server) GTEST_SKIP() << why;
  for (const auto& [scheme, version] :
       {std::pair(Scheme::s3, SignatureVersion::v4), std::pair(Scheme::oss, SignatureVersion::v4),
        std::pair(Scheme::oss, SignatureVersion::v1)}) {
    const auto learning = bench(scheme, version, [&](RemoteOptions& options) {
      options.config.endpoint = server->endpoint();
    });
    const auto stored = put(*learning, "two hours ahead");
    EXPECT_TRUE(stored) << stored.error().to_string();
    // HEAD's refusal has no body; OSS hides it in a header, S3 leaves only the Date.
    const auto fresh = bench(scheme, version, [&](RemoteOptions& options) {
      options.config.endpoint = server->endpoint();
    });
    const auto info = head(*fresh);
    EXPECT_TRUE(info) << info.error().to_string();
  }
}

TEST_F(ObjectStoreServer, an_endpoint_nobody_listens_at_is_unavailable) {
  const auto nobody = bench(Scheme::s3, SignatureVersion::v4, [](RemoteOptions& options) {
    options.config.endpoint = "http://127.0.0.1:1";
  });
  if (!nobody) GTEST_SKIP() << skip_reason;
  const auto page = list(*nobody);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code(), ErrorCode::unavailable) << page.error().to_string();
  EXPECT_NE(page.error().message().find("127.0.0.1"), std::string::npos)
      << page.error().to_string();
  EXPECT_NE(page.error().retry(), Retry::no);
}

}  // namespace
}  // namespace shoal::store
