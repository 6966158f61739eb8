// SPDX-License-Identifier: Apache-2.0
// Goal: what a user writes as the address of a dataset, an object or an endpoint means one thing or
// is refused with a hint. Method: tables.
#include <gtest/gtest.h>

#include "store/open.h"
#include "store/oss/oss_service.h"
#include "store/remote/bucket_address.h"

namespace shoal::store {
namespace {

TEST(Location, a_password_is_not_repeated) {
  for (const char* url : {"s3://id:hunter2@bucket/prefix", "oss://hunter2@bucket",
                          "ftp://id:hunter2@host/x", "s3://id:hunter2@"}) {
    const auto location = parse_location(url);
    ASSERT_FALSE(location) << url;
    EXPECT_EQ(location.error().to_string().find("hunter2"), std::string::npos) << url;
  }
  EXPECT_TRUE(parse_location("s3://bucket/a@b"));
}

TEST(Location, a_dataset_is_a_directory) {
  struct Case {
    const char* url;
    Scheme scheme;
    const char* bucket;
    const char* prefix;
    const char* back;
  };
  for (const auto& example : {
           Case{"s3://bucket", Scheme::s3, "bucket", "", "s3://bucket/"},
           Case{"s3://bucket/", Scheme::s3, "bucket", "", "s3://bucket/"},
           Case{"s3://my.bucket-1/a b/\u03b1%", Scheme::s3, "my.bucket-1", "a b/\u03b1%/",
                "s3://my.bucket-1/a b/\u03b1%/"},
           Case{"oss://bucket/a/b/", Scheme::oss, "bucket", "a/b/", "oss://bucket/a/b/"},
           Case{"s3://bucket//x", Scheme::s3, "bucket", "/x/", "s3://bucket//x/"},
           Case{"file:///data/set/", Scheme::file, "/data/set", "", "file:///data/set"},
           Case{"file:///", Scheme::file, "/", "", "file:///"},
       }) {
    const auto location = parse_location(example.url);
    ASSERT_TRUE(location) << example.url;
    EXPECT_EQ(location->scheme, example.scheme);
    EXPECT_EQ(location->bucket, example.bucket) << example.url;
    EXPECT_EQ(location->prefix, example.prefix) << example.url;
    EXPECT_EQ(location->to_url(), example.back);
  }
}

TEST(Location, a_key_keeps_its_end) {
  EXPECT_EQ(parse_location("s3://b/a/b.csv", true)->prefix, "a/b.csv");
  const auto file = parse_location("file:///a/b.csv", true);
  EXPECT_EQ(file->bucket, "/a");
  EXPECT_EQ(file->prefix, "b.csv");
  EXPECT_EQ(file->to_url(), "file:///a/b.csv");
  EXPECT_EQ(parse_location("file:///b.csv", true)->bucket, "/");
  EXPECT_FALSE(parse_location("s3://b/", true));
}

TEST(Location, what_is_no_address_is_refused_with_a_hint) {
  for (const char* url :
       {"", "bucket", "/data", "http://bucket/x", "s3:/b", "s3://", "s3:///x", "S3://b",
        "s3://a b/", "s3://b?x", "oss://\u00fc/x", "file://relative", "file://"}) {
    const auto location = parse_location(url);
    ASSERT_FALSE(location) << url;
    EXPECT_EQ(location.error().code(), ErrorCode::bad_input);
    EXPECT_FALSE(location.error().remedy().empty());
  }
}

TEST(Endpoint, default_ports_and_slashes_are_dropped) {
  struct Case {
    const char* text;
    bool tls;
    const char* host;
    bool is_bare;
  };
  for (const auto& example :
       {Case{"https://HOST.example.com:443/", true, "host.example.com", false},
        Case{"http://h:80", false, "h", false}, Case{"http://h:443", false, "h:443", false},
        Case{"h.example.com", true, "h.example.com", false},
        Case{"http://127.0.0.1:9000", false, "127.0.0.1:9000", true},
        Case{"http://[::1]:9000", false, "[::1]:9000", true},
        Case{"http://localhost", false, "localhost", true}}) {
    const auto endpoint = parse_endpoint(example.text);
    ASSERT_TRUE(endpoint) << example.text;
    EXPECT_EQ(endpoint->tls, example.tls);
    EXPECT_EQ(endpoint->host, example.host);
    EXPECT_EQ(endpoint->is_bare(), example.is_bare) << example.text;
  }
  for (const char* text :
       {"", "https://", "ftp://h", "http://h/path", "http://u@h", "http://h:port", "http://h:99999",
        "http://h:1:2", "http://[::1", "http://h\r\n", "http://h?x"})
    EXPECT_FALSE(parse_endpoint(text)) << text;
  const auto with_password = parse_endpoint("https://user:hunter2@host");
  EXPECT_EQ(with_password.error().to_string().find("hunter2"), std::string::npos)
      << "the message ends in a log";
}

TEST(OssRegion, is_read_from_the_providers_names) {
  using oss::region_of_host;
  EXPECT_EQ(region_of_host("oss-cn-hangzhou.aliyuncs.com"), "cn-hangzhou");
  EXPECT_EQ(region_of_host("oss-cn-hangzhou-internal.aliyuncs.com"), "cn-hangzhou");
  EXPECT_EQ(region_of_host("cn-hangzhou.oss.aliyuncs.com"), "cn-hangzhou");
  EXPECT_EQ(region_of_host("cn-beijing-internal.oss-data-acc.aliyuncs.com"), "cn-beijing");
  EXPECT_EQ(region_of_host("oss-accelerate.aliyuncs.com"), "");
  EXPECT_EQ(region_of_host("data.example.com"), "");
}

TEST(Addressing, has_four_names) {
  EXPECT_EQ(parse_addressing("auto"), Addressing::automatic);
  EXPECT_EQ(parse_addressing("virtual"), Addressing::virtual_hosted);
  EXPECT_EQ(parse_addressing("path"), Addressing::path);
  EXPECT_EQ(parse_addressing("cname"), Addressing::cname);
  EXPECT_FALSE(parse_addressing("Path"));
}

}  // namespace
}  // namespace shoal::store
