// SPDX-License-Identifier: Apache-2.0
// Goal: bucket, key and operation are found wherever clients put them.
// Method: tables of hosts and of request lines.
#include "devbucket/request.h"

#include <gtest/gtest.h>

namespace shoal::devbucket {
namespace {

bool is_bucket(std::string_view name) {
  return name == "known";
}

Request make(std::string method, std::string target,
             const std::vector<std::pair<std::string, std::string>>& headers = {}) {
  Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  understand(request, is_bucket);
  return request;
}

TEST(BucketOfHost, finds_buckets_in_host_names_and_none_in_addresses) {
  const std::pair<const char*, const char*> cases[] = {
      {"127.0.0.1:9000", ""},
      {"localhost:9000", ""},
      {"[::1]:9000", ""},
      {"my.bucket.localhost:9000", "my.bucket"},
      {"b.127.0.0.1.nip.io", "b"},
      {"127.0.0.1.nip.io:80", ""},
      {"known.example.com", "known"},
      {"other.example.com", ""},
      {"new.oss-cn-hangzhou.aliyuncs.com", "new"},
      {"oss-cn-hangzhou.aliyuncs.com", ""},
      {"new.s3.amazonaws.com", "new"},
      {"plainhost", ""},
  };
  for (const auto& [host, bucket] : cases)
    EXPECT_EQ(bucket_of_host(host, is_bucket), bucket) << host;
}

TEST(Understand, path_and_host_addressing_name_the_same_object) {
  const Request by_path = make("GET", "/known/a%2Fb//c%20d?versionId=1", {{"Host", "127.0.0.1:1"}});
  EXPECT_EQ(by_path.bucket, "known");
  EXPECT_EQ(by_path.key, "a/b//c d");
  const Request by_host = make("GET", "/a%2Fb//c%20d", {{"Host", "known.localhost"}});
  EXPECT_EQ(by_host.bucket, "known");
  EXPECT_EQ(by_host.key, "a/b//c d");
  EXPECT_EQ(by_host.operation, Operation::get_object);
}

TEST(Understand, operations_follow_from_method_and_query) {
  struct Case {
    const char* method;
    const char* target;
    Operation operation;
  };
  const Case cases[] = {
      {"GET", "/", Operation::list_buckets},
      {"GET", "/b", Operation::list_objects},
      {"GET", "/b/?list-type=2", Operation::list_objects_v2},
      {"GET", "/b?location", Operation::get_location},
      {"GET", "/b?uploads", Operation::list_uploads},
      {"GET", "/b?versioning", Operation::probe_bucket},
      {"POST", "/b?delete", Operation::delete_objects},
      {"PUT", "/b", Operation::create_bucket},
      {"HEAD", "/b", Operation::head_bucket},
      {"DELETE", "/b", Operation::delete_bucket},
      {"PUT", "/b/k", Operation::put_object},
      {"PUT", "/b/k?partNumber=1&uploadId=x", Operation::upload_part},
      {"POST", "/b/k?uploads", Operation::create_upload},
      {"POST", "/b/k?uploadId=x", Operation::complete_upload},
      {"POST", "/b/k?append&position=0", Operation::append_object},
      {"DELETE", "/b/k?uploadId=x", Operation::abort_upload},
      {"GET", "/-/stats", Operation::stats},
      {"POST", "/-/reset", Operation::reset_stats},
      {"PUT", "/-/stats", Operation::unsupported},
      {"PATCH", "/b/k", Operation::unsupported},
  };
  for (const Case& c : cases)
    EXPECT_EQ(make(c.method, c.target).operation, c.operation) << c.method << " " << c.target;
  EXPECT_EQ(make("PUT", "/b/k", {{"x-amz-copy-source", "/b/x"}}).operation, Operation::copy_object);
}

TEST(Understand, the_dialect_is_that_of_the_signature) {
  EXPECT_EQ(make("GET", "/b", {{"Authorization", "OSS k:s"}}).dialect, Dialect::oss);
  EXPECT_EQ(make("GET", "/b", {{"Authorization", "OSS4-HMAC-SHA256 x"}}).dialect, Dialect::oss);
  EXPECT_EQ(make("GET", "/b?x-oss-signature-version=OSS4-HMAC-SHA256").dialect, Dialect::oss);
  EXPECT_EQ(make("GET", "/b", {{"x-oss-date", "x"}}).dialect, Dialect::oss);
  EXPECT_EQ(make("GET", "/b").dialect, Dialect::s3);
}

}  // namespace
}  // namespace shoal::devbucket
