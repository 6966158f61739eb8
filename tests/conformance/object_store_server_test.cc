// SPDX-License-Identifier: Apache-2.0
// Goal: what only a server can refuse is told to the user, or overcome, as promised.
// Method: the dev bucket with its own region or clock, and clients with wrong credentials, wrong
// regions and wrong clocks.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

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

// A credentials file that is written anew while the store lives.
class KeysFile {
 public:
  KeysFile()
      : path_((std::filesystem::temp_directory_path() /
               ("shoal-conformance-keys-" + std::to_string(::getpid())))
                  .string()) {}
  ~KeysFile() { std::filesystem::remove(path_); }
  void write(const std::string& secret, const std::string& token) {
    std::ofstream(path_ + ".new") << "changing " << secret << ' ' << token << '\n';
    std::filesystem::rename(path_ + ".new", path_);
    now = {"changing", Secret(secret), Secret(token), "the file"};
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  Credentials now;

 private:
  std::string path_;
};

TEST_F(ObjectStoreServer, credentials_that_were_renewed_are_found_by_themselves) {
  KeysFile file;
  file.write("secret-1", "token-1");
  std::string why;
  const auto server = DevBucket::start({"--keys-file", file.path()}, why);
  if (!server) GTEST_SKIP() << why;
  int token = 1;
  for (const auto& [scheme, version] :
       {std::pair(Scheme::s3, SignatureVersion::v4), std::pair(Scheme::oss, SignatureVersion::v4),
        std::pair(Scheme::oss, SignatureVersion::v1)}) {
    int lookups = 0;
    const auto living = bench(scheme, version, [&](RemoteOptions& options) {
      options.config.endpoint = server->endpoint();
      options.credentials = file.now;
      options.renew = [&]() -> Result<std::optional<Credentials>> {
        ++lookups;
        return file.now;
      };
    });
    const auto before = put(*living, "with the first keys");
    ASSERT_TRUE(before) << before.error().to_string();
    file.write("secret-2", "token-" + std::to_string(++token));
    // Whether the server has looked at the file yet or not, no call fails.
    for (int i = 0; lookups == 0 && i < 10'000; ++i) {
      const auto stored = put(*living, "with whichever keys");
      ASSERT_TRUE(stored) << stored.error().to_string();
    }
    EXPECT_EQ(lookups, 1);
    EXPECT_TRUE(head(*living));
  }
}

TEST_F(ObjectStoreServer, a_completion_that_fails_late_leaves_the_upload_and_can_be_repeated) {
  std::string why;
  const auto server = DevBucket::start({"--complete-error", "0.5", "--seed", "3"}, why);
  if (!server) GTEST_SKIP() << why;
  const auto bad = bench(Scheme::s3, SignatureVersion::v4, [&](RemoteOptions& options) {
    options.config.endpoint = server->endpoint();
  });
  const std::string body = "the only part";
  const auto upload = await<UploadId>(*bad, [&](Done<UploadId> done) {
    bad->store().create_upload("server-test", "text/plain", std::move(done));
  });
  ASSERT_TRUE(upload);
  const auto part = await<UploadedPart>(*bad, [&](Done<UploadedPart> done) {
    bad->store().upload_part(*upload, 1, as_bytes(body), {}, std::move(done));
  });
  ASSERT_TRUE(part);
  int failures = 0;
  for (int i = 0; i < 100; ++i) {
    const auto made = await<PutResult>(*bad, [&](Done<PutResult> done) {
      bad->store().complete_upload({.upload = *upload, .parts = {*part}}, std::move(done));
    });
    if (made) break;
    ++failures;
    ASSERT_EQ(made.error().code(), ErrorCode::unavailable) << made.error().to_string();
    EXPECT_EQ(made.error().retry(), Retry::unknown_effect);
    EXPECT_EQ(head(*bad).error().code(), ErrorCode::not_found);
  }
  EXPECT_GT(failures, 0);
  EXPECT_EQ(head(*bad)->size, body.size());
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
