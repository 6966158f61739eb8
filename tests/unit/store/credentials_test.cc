// SPDX-License-Identifier: Apache-2.0
// Goal: credentials, endpoint and region are found where the clouds' own tools find them, and
// secrets never reach a message. Method: made-up environments and homes in a temporary directory.
#include "store/credentials.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "store/ini_file.h"

namespace shoal::store {
namespace {

namespace fs = std::filesystem;

class CredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (fs::temp_directory_path() / "shoal-credentials-XXXXXX").string();
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    sources.home = path;
    sources.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional(found->second);
    };
  }
  void TearDown() override { fs::remove_all(sources.home); }
  fs::path write(const std::string& name, const std::string& text) {
    const fs::path path = sources.home / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  Result<std::optional<Credentials>> find(Scheme scheme, const StoreConfig& config = {}) {
    return find_credentials(scheme, config, sources);
  }

  std::map<std::string, std::string> environment;
  CredentialSources sources;
};

TEST_F(CredentialsTest, s3_takes_the_environment_before_the_files) {
  write(".aws/credentials", "[default]\naws_access_key_id = F\naws_secret_access_key = FS\n");
  environment = {
      {"AWS_ACCESS_KEY_ID", "E"}, {"AWS_SECRET_ACCESS_KEY", "ES"}, {"AWS_SESSION_TOKEN", "ET"}};
  const auto found = find(Scheme::s3);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->access_key, "E");
  EXPECT_EQ((*found)->secret_key.reveal(), "ES");
  EXPECT_EQ((*found)->session_token.reveal(), "ET");
  EXPECT_EQ(find(Scheme::s3, {.profile = "default"}).value()->access_key, "F")
      << "a profile that was asked for wins";
}

TEST_F(CredentialsTest, temporary_keys_say_when_they_end_where_their_tool_wrote_it) {
  environment = {{"AWS_ACCESS_KEY_ID", "E"},
                 {"AWS_SECRET_ACCESS_KEY", "ES"},
                 {"AWS_CREDENTIAL_EXPIRATION", "2026-01-02T03:04:05+00:00"}};
  EXPECT_EQ(find(Scheme::s3).value()->expire_at, 1767323045);
  environment["AWS_CREDENTIAL_EXPIRATION"] = "tomorrow";
  EXPECT_EQ(find(Scheme::s3).value()->expire_at, 0);
  const auto file = write("keys",
                          "[default]\naws_access_key_id = F\naws_secret_access_key = FS\n"
                          "aws_session_token = T\nexpiration = 2026-01-02T03:04:05Z\n");
  EXPECT_EQ(find(Scheme::oss, {.credentials_file = file}).value()->expire_at, 1767323045);
  EXPECT_EQ(keys_expire_at(Scheme::oss, {.credentials_file = file}, sources), 1767323045);
  write("keys", "[default]\naws_access_key_id = F\naws_secret_access_key = FS\n");
  EXPECT_EQ(keys_expire_at(Scheme::oss, {.credentials_file = file}, sources), 0);
  EXPECT_EQ(keys_expire_at(Scheme::oss, {.sign_requests = false}, sources), 0);
}

TEST_F(CredentialsTest, s3_reads_profiles_from_both_files) {
  write(".aws/credentials",
        "# comment\n[default]\naws_access_key_id=D\naws_secret_access_key=DS\ns3 =\n  "
        "max_concurrent = 10\n"
        "[other]\r\naws_access_key_id = O\r\naws_secret_access_key = OS=+/\r\naws_session_token = "
        "OT\r\n");
  write(".aws/config", "[profile third]\naws_access_key_id = T\naws_secret_access_key = TS\n");
  EXPECT_EQ(find(Scheme::s3).value()->access_key, "D");
  const auto other = find(Scheme::s3, {.profile = "other"});
  EXPECT_EQ(other.value()->secret_key.reveal(), "OS=+/");
  EXPECT_EQ(other.value()->session_token.reveal(), "OT");
  environment["AWS_PROFILE"] = "third";
  EXPECT_EQ(find(Scheme::s3).value()->access_key, "T");
  environment["AWS_SHARED_CREDENTIALS_FILE"] =
      write("elsewhere", "[third]\naws_access_key_id = E\naws_secret_access_key = ES\n").string();
  EXPECT_EQ(find(Scheme::s3).value()->access_key, "E");
}

TEST_F(CredentialsTest, oss_reads_its_environment_and_ossutilconfig) {
  write(".ossutilconfig",
        "[Credentials]\nlanguage=EN\nendpoint=oss-cn-beijing.aliyuncs.com\n"
        "accessKeyID=U\naccessKeySecret=US\nstsToken=UT\n");
  EXPECT_EQ(find(Scheme::oss).value()->access_key, "U");
  EXPECT_EQ(find(Scheme::oss).value()->session_token.reveal(), "UT");
  environment = {{"ALIBABA_CLOUD_ACCESS_KEY_ID", "A"}, {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "AS"}};
  EXPECT_EQ(find(Scheme::oss).value()->access_key, "A");
  environment["OSS_ACCESS_KEY_ID"] = "O";
  environment["OSS_ACCESS_KEY_SECRET"] = "OS";
  EXPECT_EQ(find(Scheme::oss).value()->access_key, "O");
  const auto config = complete_config(Scheme::oss, {}, sources);
  EXPECT_EQ(config.endpoint, "https://oss-cn-beijing.aliyuncs.com");
  EXPECT_EQ(config.region, "cn-beijing");
}

TEST_F(CredentialsTest, an_explicit_file_is_the_only_place) {
  environment = {{"AWS_ACCESS_KEY_ID", "E"}, {"AWS_SECRET_ACCESS_KEY", "ES"}};
  const auto path = write("keys", "[default]\naws_access_key_id = X\naws_secret_access_key = XS\n");
  EXPECT_EQ(find(Scheme::s3, {.credentials_file = path}).value()->access_key, "X");
  EXPECT_EQ(find(Scheme::oss, {.credentials_file = path}).value()->access_key, "X");
  EXPECT_EQ(find(Scheme::s3, {.profile = "no", .credentials_file = path}).error().code(),
            ErrorCode::permission);
  EXPECT_EQ(find(Scheme::s3, {.credentials_file = "/no/such/file"}).error().code(),
            ErrorCode::not_found);
}

TEST_F(CredentialsTest, nothing_found_lists_the_places) {
  const auto found = find(Scheme::s3);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::permission);
  const std::string text = found.error().to_string();
  for (const char* place :
       {"AWS_ACCESS_KEY_ID", ".aws/credentials", ".aws/config", "--no-sign-request"})
    EXPECT_NE(text.find(place), std::string::npos) << text;
  EXPECT_FALSE(find(Scheme::s3, {.sign_requests = false}).value().has_value());
  EXPECT_FALSE(find(Scheme::file).value().has_value());
}

TEST_F(CredentialsTest, a_profile_with_a_role_says_how_to_get_keys) {
  write(".aws/config", "[profile work]\nrole_arn = arn:aws:iam::1:role/x\n");
  const auto found = find(Scheme::s3, {.profile = "work"});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::unsupported);
  EXPECT_NE(found.error().remedy().find("export-credentials --profile work"), std::string::npos);
}

TEST_F(CredentialsTest, broken_files_are_named_with_their_line_and_without_their_text) {
  struct Case {
    const char* text;
    const char* line;
  };
  for (const auto& [text, line] :
       {Case{"aws_access_key_id = SECRETSECRET\n", ":1:"},
        Case{"[default]\n\nSECRETSECRET\n", ":3:"},
        Case{"[default\naws_access_key_id = SECRETSECRET\n", ":1:"}, Case{"[]\n", ":1:"},
        Case{"[default]\n=SECRETSECRET\n", ":2:"}}) {
    write(".aws/credentials", text);
    const auto found = find(Scheme::s3);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().code(), ErrorCode::bad_input);
    EXPECT_NE(found.error().message().find(std::string(".aws/credentials") + line),
              std::string::npos)
        << found.error().to_string();
    EXPECT_EQ(found.error().to_string().find("SECRETSECRET"), std::string::npos);
  }
}

TEST_F(CredentialsTest, keys_with_control_characters_are_refused) {
  environment = {{"AWS_ACCESS_KEY_ID", "E"}, {"AWS_SECRET_ACCESS_KEY", "bad\nsecret"}};
  const auto found = find(Scheme::s3);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::bad_input);
  EXPECT_EQ(found.error().to_string().find("bad\n"), std::string::npos);
}

TEST_F(CredentialsTest, region_and_endpoint_come_from_the_same_places) {
  EXPECT_EQ(complete_config(Scheme::s3, {}, sources).endpoint,
            "https://s3.us-east-1.amazonaws.com");
  write(".aws/config",
        "[default]\nregion = eu-west-1\n[profile cn]\nregion = cn-north-1\n"
        "[profile own]\nendpoint_url = http://minio:9000\n");
  EXPECT_EQ(complete_config(Scheme::s3, {}, sources).endpoint,
            "https://s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(complete_config(Scheme::s3, {.profile = "cn"}, sources).endpoint,
            "https://s3.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(complete_config(Scheme::s3, {.profile = "own"}, sources).endpoint, "http://minio:9000");
  environment["AWS_ENDPOINT_URL"] = "http://general";
  EXPECT_EQ(complete_config(Scheme::s3, {}, sources).endpoint, "http://general");
  environment["AWS_ENDPOINT_URL_S3"] = "http://special";
  environment["AWS_REGION"] = "ap-south-1";
  EXPECT_EQ(complete_config(Scheme::s3, {}, sources).endpoint, "http://special");
  EXPECT_EQ(complete_config(Scheme::s3, {}, sources).region, "ap-south-1");
  EXPECT_EQ(
      complete_config(Scheme::s3, {.endpoint = "my.host", .region = "mine"}, sources).endpoint,
      "https://my.host");
  EXPECT_EQ(complete_config(Scheme::oss, {.region = "oss-cn-hangzhou"}, sources).endpoint,
            "https://oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(complete_config(Scheme::oss, {.endpoint = "http://127.0.0.1:80"}, sources).region,
            "cn-hangzhou");
}

}  // namespace
}  // namespace shoal::store
