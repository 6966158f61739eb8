// SPDX-License-Identifier: Apache-2.0
// Goal: the keys in a Secret are found under every name that people give them, half a pair is never
// taken for a whole, and no message repeats a key.
// Method: a matrix of spellings, then what is wrong with them.
#include <gtest/gtest.h>

#include "csi/volume_secrets.h"

namespace shoal::csi {
namespace {

// "id/secret/token", "none", or "error: ...".
std::string found(const StringMap& secrets) {
  const auto keys = find_keys(secrets);
  if (!keys) return "error: " + keys.error().to_string();
  if (!*keys) return "none";
  return (*keys)->access_key + "/" + std::string((*keys)->secret_key.reveal()) + "/" +
         std::string((*keys)->session_token.reveal());
}

TEST(secrets, are_found_under_all_their_names) {
  const std::vector<std::vector<std::string>> families{
      {"akId", "akSecret", "securityToken"},
      {"AccessKeyId", "AccessKeySecret", "SecurityToken"},
      {"accesskeyid", "ACCESSKEYSECRET", "securitytoken"},
      {"AccessKeyId", "SecretAccessKey", "SessionToken"},
      {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
      {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"},
      {"OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"},
      {"ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
       "ALIBABA_CLOUD_SECURITY_TOKEN"},
      {"key_id", "access_key", "session_token"},
      {"access_key", "secret_key", "session_token"},
      {"accessKey", "secretKey", "sessionToken"},
      {"access-key", "secret-key", "session-token"}};
  for (const auto& family : families) {
    EXPECT_EQ(found({{family[0], "ID"}, {family[1], "SECRET"}}), "ID/SECRET/") << family[0];
    EXPECT_EQ(found({{family[0], "ID"}, {family[1], "SECRET"}, {family[2], "TOKEN"}}),
              "ID/SECRET/TOKEN")
        << family[0];
    EXPECT_EQ(found({{family[0], " ID\n"}, {family[1], "\tSECRET "}, {family[2], " "}}),
              "ID/SECRET/")
        << family[0];
    for (const int half : {0, 1}) {
      const std::string text = found({{family[static_cast<std::size_t>(half)], "HUSH"}});
      EXPECT_TRUE(text.starts_with("error: ")) << family[static_cast<std::size_t>(half)] << text;
      EXPECT_EQ(text.find("HUSH"), std::string::npos) << text;
    }
    EXPECT_TRUE(found({{family[0], "ID"}, {family[1], "  "}}).starts_with("error: "));
  }
}

TEST(secrets, of_ack_win_over_others) {
  EXPECT_EQ(
      found({{"akId", "a"}, {"akSecret", "b"}, {"AccessKeyId", "c"}, {"AccessKeySecret", "d"}}),
      "a/b/");
  EXPECT_EQ(found({{"akId", "a"}, {"akid", "x"}, {"AKID", "y"}, {"akSecret", "b"}}), "a/b/");
  // Only one of the first pair, but a whole second.
  EXPECT_EQ(found({{"akId", "a"}, {"AccessKeyId", "c"}, {"AccessKeySecret", "d"}}), "c/d/");
}

TEST(secrets, may_say_when_they_end) {
  const StringMap keys{{"AccessKeyId", "id"}, {"AccessKeySecret", "secret"}};
  for (const char* name : {"Expiration", "AWS_CREDENTIAL_EXPIRATION"}) {
    StringMap with = keys;
    with[name] = " 2026-01-02T03:04:05Z\n";
    EXPECT_EQ(find_keys(with).value()->expiration, "2026-01-02T03:04:05Z") << name;
    with[name] = "two\nlines";
    EXPECT_EQ(find_keys(with).value()->expiration, "") << "no reason to refuse the keys";
  }
  EXPECT_EQ(find_keys(keys).value()->expiration, "");
}

TEST(secrets, that_are_not_there_are_none) {
  EXPECT_EQ(found({}), "none");
  EXPECT_EQ(found({{"akId", ""}, {"akSecret", "  "}}), "none");
  std::vector<std::string> unknown;
  const auto keys =
      find_keys({{"username", "u"}, {"csi.storage.k8s.io/serviceAccount.tokens", "{}"}}, &unknown);
  ASSERT_TRUE(keys && !*keys);
  EXPECT_EQ(unknown, std::vector<std::string>{"username"});
}

TEST(secrets, that_would_break_a_file_of_keys_are_refused_unseen) {
  for (const char* bad : {"HUSH\naws_secret_access_key=x", "HU SH", "HUSH\x01", "HUSH\xff"}) {
    for (const std::string name : {"akId", "akSecret", "securityToken"}) {
      StringMap secrets{{"akId", "i"}, {"akSecret", "s"}};
      secrets[name] = bad;
      const std::string text = found(secrets);
      EXPECT_TRUE(text.starts_with("error: ")) << text;
      EXPECT_EQ(text.find("HU"), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace shoal::csi
