// SPDX-License-Identifier: Apache-2.0
// Goal: list pages of S3 and OSS are read to the byte, and nonsense is refused.
// Method: pages as the services write them, and broken ones.
#include "store/list_page.h"

#include <gtest/gtest.h>

namespace shoal::store {
namespace {

Result<ListPage> parse(const std::string& text, bool tokens_encoded = false) {
  return parse_list_page(as_bytes(text), {.tokens_encoded = tokens_encoded});
}

std::string page(const std::string& inner, const std::string& truncated = "false") {
  return "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>" +
         truncated + "</IsTruncated>" + inner + "</ListBucketResult>";
}

TEST(ListPage, reads_an_s3_page_with_encoded_names) {
  const auto result = parse(
      page("<Contents><Key>data+set/%CE%B1%2B%00</Key><LastModified>2009-10-12T17:50:30.000Z</"
           "LastModified>"
           "<ETag>&quot;fba9&quot;</ETag><Size>434234</Size><StorageClass>STANDARD</StorageClass>"
           "<Owner><ID>x</ID><Key>no</Key></Owner></Contents>"
           "<Contents><Key>e%20f</Key><Size>0</Size><StorageClass>GLACIER</StorageClass></Contents>"
           "<CommonPrefixes><Prefix>a+b/</Prefix></CommonPrefixes>"
           "<NextContinuationToken>a+b%2F=</NextContinuationToken><EncodingType>url</EncodingType>",
           "true"));
  ASSERT_TRUE(result) << result.error().to_string();
  ASSERT_EQ(result->objects.size(), 2u);
  EXPECT_EQ(result->objects[0].key, std::string("data set/\u03b1+\0", 13));
  EXPECT_EQ(result->objects[0].size, 434234u);
  EXPECT_EQ(result->objects[0].mtime, 1255369830);
  EXPECT_EQ(result->objects[0].etag, "fba9");
  EXPECT_EQ(result->objects[0].storage_class, "");
  EXPECT_EQ(result->objects[1].storage_class, "GLACIER");
  EXPECT_EQ(result->common_prefixes, std::vector<std::string>{"a b/"});
  EXPECT_EQ(result->next_token, "a+b%2F=") << "S3 does not encode its tokens";
}

TEST(ListPage, decodes_the_tokens_of_oss) {
  const auto result =
      parse(page("<EncodingType>url</EncodingType><NextContinuationToken>CgJi%2Bw%2D%2D"
                 "</NextContinuationToken>",
                 "true"),
            /*tokens_encoded=*/true);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->next_token, "CgJi+w--");
}

TEST(ListPage, names_stay_as_they_are_without_an_encoding) {
  const auto result = parse(page("<Contents><Key>a+b%41 &amp; c</Key></Contents>"), true);
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(result->objects[0].key, "a+b%41 & c");
}

TEST(ListPage, an_empty_page_may_go_on) {
  const auto result = parse(page("<NextContinuationToken>t</NextContinuationToken>", "true"));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->objects.empty());
  EXPECT_EQ(result->next_token, "t");
}

TEST(ListPage, a_token_on_the_last_page_means_nothing) {
  EXPECT_FALSE(parse(page("<NextContinuationToken>t</NextContinuationToken>"))->next_token);
}

TEST(ListPage, nonsense_is_corrupt) {
  const std::string deep = [] {
    std::string text = "<ListBucketResult>";
    for (int i = 0; i < 40; ++i) text += "<a>";
    return text;
  }();
  const std::string broken[] = {
      "",
      "   ",
      "not xml",
      "<html></html>",
      "<ListBucketResult></ListBucketResult>",
      "<ListBucketResult><IsTruncated>maybe</IsTruncated></ListBucketResult>",
      page("", "true"),
      page("<Contents><Key>a</Key><Size>-1</Size></Contents>"),
      page("<Contents><Key>a</Key><Size>1x</Size></Contents>"),
      page("<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>"),
      page("<Contents><Key>a</Key><LastModified>yesterday</LastModified></Contents>"),
      page(
          "<Contents><Key>a</Key><LastModified>2009-13-12T17:50:30.000Z</LastModified></Contents>"),
      page("<Contents><Key></Key></Contents>"),
      page("<Contents><Size>1</Size></Contents>"),
      page("<Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents>"),
      page("<Contents><Key>a</Key></Contents><Contents><Key>a</Key></Contents>"),
      page("<CommonPrefixes><Prefix></Prefix></CommonPrefixes>"),
      page("<Contents><Key>" + std::string(100'000, 'k') + "</Key></Contents>"),
      "<!DOCTYPE a [<!ENTITY b 'c'>]>" + page("<Name>&b;</Name>"),
      deep,
      page("<Contents><Key>a</Key>").substr(0, 120)};
  for (const auto& text : broken) {
    const auto result = parse(text);
    ASSERT_FALSE(result) << text.substr(0, 200);
    EXPECT_EQ(result.error().code(), ErrorCode::corrupt) << result.error().to_string();
  }
}

}  // namespace
}  // namespace shoal::store
