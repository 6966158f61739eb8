// SPDX-License-Identifier: Apache-2.0
// Goal: a setting comes from the flag, else the environment, else the most specific place of the
// file; what the file cannot mean is refused where it stands.
// Method: files as text and an environment as a map, against the program's real command line.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>

#include "base/log.h"
#include "store/open.h"
#include "tools/commands.h"
#include "tools/settings/check.h"
#include "tools/settings/resolve.h"
#include "tools/settings/use.h"
#include "tools/settings/value.h"

namespace shoal::tools {
namespace {

class Settings : public testing::Test {
 protected:
  SettingsFile parsed(std::string_view text) {
    auto file = parse_settings(text, "f.toml");
    EXPECT_TRUE(file) << file.error().to_string();
    return file.value_or(SettingsFile{});
  }
  // All problems, one per line.
  std::string problems(std::string_view text) {
    std::string lines;
    for (const Error& error : check_settings(parsed(text), *app_))
      lines += error.to_string() + "\n";
    return lines;
  }
  // The one setting, as "value from where".
  std::string resolved(std::string_view text, const std::string& command, const std::string& name,
                       std::vector<std::string> datasets = {}) {
    const SettingSources sources{
        parsed(text), [this](const std::string& variable) {
          const auto found = environment_.find(variable);
          return found == environment_.end() ? std::nullopt : std::optional(found->second);
        }};
    CLI::App* found = find_command(*app_, command);
    EXPECT_NE(found, nullptr) << command;
    const auto all = resolve_settings(*found, sources, datasets);
    if (!all) return all.error().to_string();
    const CLI::Option* option = find_setting(*found, name);
    for (const ResolvedSetting& setting : *all)
      if (setting.option == option)
        return (setting.values.empty() ? "" : setting.values.front() + " ") +
               std::string(name_of(setting.from)) +
               (setting.where.empty() ? "" : " " + setting.where);
    return "no such setting";
  }

  Io io_ = Io::of_process();
  int exit_code_ = 0;
  std::unique_ptr<CLI::App> app_ = make_app(io_, exit_code_);
  std::map<std::string, std::string> environment_;
};

TEST_F(Settings, flag_wins_over_environment_over_file_over_default) {
  const char* file = "cache-size = \"1G\"";
  EXPECT_EQ(resolved("", "mount", "cache-size"), "default");
  EXPECT_EQ(resolved(file, "mount", "cache-size"), "1G file f.toml:1");
  environment_["SHOAL_CACHE_SIZE"] = "2G";
  EXPECT_EQ(resolved(file, "mount", "cache-size"), "2G environment SHOAL_CACHE_SIZE");
  find_setting(*find_command(*app_, "mount"), "cache-size")->add_result("3G");
  EXPECT_EQ(resolved(file, "mount", "cache-size"), "3G flag --cache-size");
}

TEST_F(Settings, the_most_specific_place_of_the_file_wins) {
  const char* file = R"(region = "all"
    ["s3://b"]
    region = "bucket"
    [mount]
    region = "mount"
    ["s3://b/p/"]
    region = "prefix"
    ["s3://b/p".mount]
    region = "both"
    ["oss://"]
    region = "every oss")";
  EXPECT_EQ(resolved(file, "put", "region"), "all file f.toml:1");
  EXPECT_EQ(resolved(file, "mount", "region"), "mount file f.toml:5");
  EXPECT_EQ(resolved(file, "mount", "region", {"s3://b/x"}), "bucket file f.toml:3");
  EXPECT_EQ(resolved(file, "put", "region", {"s3://b/p"}), "prefix file f.toml:7");
  EXPECT_EQ(resolved(file, "put", "region", {"s3://b/p/deep/er"}), "prefix file f.toml:7");
  EXPECT_EQ(resolved(file, "mount", "region", {"s3://b/p"}), "both file f.toml:9");
  EXPECT_EQ(resolved(file, "put", "region", {"oss://anything/p"}), "every oss file f.toml:11");
  EXPECT_EQ(resolved(file, "put", "region", {"s3://bucket/p"}), "all file f.toml:1")
      << "a bucket whose name begins the same is another one";
  EXPECT_EQ(resolved(file, "put", "region", {"s3://b/prefix"}), "bucket file f.toml:3");
}

TEST_F(Settings, datasets_with_different_values_in_one_command_are_refused) {
  const char* file =
      "[\"s3://a\"]\nregion = \"x\"\n[\"s3://b\"]\nregion = \"y\"\n[\"s3://c\"]\nregion = \"x\"";
  EXPECT_EQ(resolved(file, "rm", "region", {"s3://a/1", "s3://c/2"}), "x file f.toml:2");
  EXPECT_NE(
      resolved(file, "rm", "region", {"s3://a/1", "s3://b/2"}).find("different values of region"),
      std::string::npos);
}

TEST_F(Settings, both_spellings_and_every_alias_of_a_flag_are_its_name) {
  EXPECT_EQ(resolved("cache_size = \"1G\"", "mount", "cache-size"), "1G file f.toml:1");
  EXPECT_EQ(resolved("[put]\nmax-requests = 7", "put", "jobs"), "7 file f.toml:2");
  EXPECT_EQ(resolved("[index]\nregion = \"r\"", "index build", "region"), "r file f.toml:2");
  EXPECT_EQ(resolved("[index.build]\nregion = \"r\"", "index build", "region"), "r file f.toml:2");
}

TEST_F(Settings, mistakes_are_named_with_place_and_remedy) {
  EXPECT_EQ(
      problems(
          "cache-size = \"1G\"\n[mount]\nio-timeout = 5\nno-prefetch = true\numask = \"0027\""),
      "");
  EXPECT_NE(
      problems("\n  cache-sise = \"1G\"").find("f.toml:2:3: cache-sise: there is no such setting"),
      std::string::npos);
  EXPECT_NE(problems("cache-sise = \"1G\"").find("Did you mean cache-size?"), std::string::npos);
  EXPECT_NE(problems("[mont]\nuid = 3").find("Did you mean mount?"), std::string::npos);
  EXPECT_NE(problems("[umount]\ncache-size = \"1G\"").find("of `shoal umount`"), std::string::npos);
  EXPECT_NE(problems("io-timeout = 0").find("1 to 86400"), std::string::npos);
  EXPECT_NE(problems("cache-size = \"lots\"").find("not a size"), std::string::npos);
  EXPECT_NE(problems("resource-limit = \"2c\"").find("2c"), std::string::npos);
  EXPECT_NE(problems("umask = \"u+r\"").find("octal"), std::string::npos);
  EXPECT_NE(problems("no-prefetch = 1").find("Write true or false"), std::string::npos);
  EXPECT_NE(problems("uid = true").find("true and false are no value"), std::string::npos);
  EXPECT_NE(problems("region = [\"a\", \"b\"]").find("one value"), std::string::npos);
  EXPECT_NE(problems("credentials-file = \"keys\"").find("absolute path"), std::string::npos);
  EXPECT_NE(problems("volumes = \"data\"").find("absolute path"), std::string::npos);
  EXPECT_NE(problems("volume = \"/v\"").find("share it"), std::string::npos);
  EXPECT_EQ(problems("[\"s3://b\"]\nvolume = \"/v\""), "");
  EXPECT_NE(problems("[\"http://b\"]\nregion = \"r\"").find("scheme"), std::string::npos);
  EXPECT_NE(problems("json = true").find("per call"), std::string::npos);
  EXPECT_NE(problems("[sync]\ndelete = true").find("per call"), std::string::npos);
}

TEST_F(Settings, secrets_are_refused_however_they_are_spelled) {
  for (const char* name : {"secret-access-key", "AWS_SECRET_ACCESS_KEY", "akId", "akSecret",
                           "access_key_id", "accessKeyId", "session-token", "password"})
    EXPECT_NE(problems(std::string(name) + " = \"x\"").find("credentials-file ="),
              std::string::npos)
        << name;
}

TEST_F(Settings, secrets_in_values_are_refused_and_not_repeated) {
  for (const char* text : {"endpoint = \"https://user:hunter2@host\"",
                           "[\"s3://user:hunter2@b/p\"]\nregion = \"r\""}) {
    const std::string said = problems(text);
    EXPECT_NE(said.find("credentials-file ="), std::string::npos) << text;
    EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
  }
  EXPECT_EQ(problems("[\"s3://b/with@sign\"]\nregion = \"r\""), "");
  EXPECT_EQ(store::without_password("https://user:hunter2@host/a@b"), "https://***@host/a@b");
  EXPECT_EQ(store::without_password("s3://b/a@b"), "s3://b/a@b");
}

TEST_F(Settings, a_wrong_word_about_logs_is_named_with_its_place) {
  EXPECT_NE(problems("log-level = \"loud\"").find("f.toml:1:1: log-level = loud"),
            std::string::npos);
  EXPECT_NE(problems("log-level = \"\"").find("debug, info, warning, error"), std::string::npos);
  EXPECT_NE(problems("log_format = \"xml\"").find("text, json"), std::string::npos);
  EXPECT_NE(problems("[mount]\nlog-level = \"loud\"").find("f.toml:2:1"), std::string::npos);
  EXPECT_EQ(problems("log-level = \"debug\"\nlog-format = \"json\""), "");
}

TEST_F(Settings, trying_values_does_not_make_them_hold) {
  const LogLevel level = log_level();
  const LogFormat format = log_format();
  EXPECT_EQ(problems("[watch]\nlog-level = \"error\"\nlog-format = \"json\""), "");
  EXPECT_EQ(log_level(), level);
  EXPECT_EQ(log_format(), format);
  EXPECT_EQ(std::getenv("SHOAL_LOG_FORMAT"), nullptr);
}

TEST_F(Settings, what_is_said_twice_is_refused) {
  EXPECT_NE(
      problems("cache-size = \"1G\"\ncache_size = \"2G\"").find("f.toml:2:1: cache-size: line 1"),
      std::string::npos);
  EXPECT_NE(problems("[\"s3://b\"]\nregion = \"x\"\n[\"s3://b/\"]\nregion = \"y\"").find("line 2"),
            std::string::npos);
  EXPECT_EQ(problems("region = \"x\"\n[mount]\nregion = \"x\"\n[\"s3://b\"]\nregion = \"x\""), "");
}

TEST_F(Settings, the_word_for_a_value_is_whole) {
  CLI::App& mount = *find_command(*app_, "mount");
  EXPECT_EQ(value_type(*find_setting(mount, "metrics-address")), "[HOST]:PORT");
  EXPECT_EQ(value_type(*find_setting(mount, "log-level")), "LEVEL") << "without its choices";
  EXPECT_NE(mount.help().find("--metrics-address [HOST]:PORT"), std::string::npos);
}

TEST_F(Settings, a_port_is_of_one_process) {
  EXPECT_NE(problems("metrics-address = \":1\"").find("could not listen"), std::string::npos);
  EXPECT_NE(problems("[mount]\nmetrics-address = \":1\"").find("could not listen"),
            std::string::npos);
  EXPECT_EQ(problems("[agent]\nmetrics-address = \":1\""), "");
  EXPECT_EQ(problems("[\"s3://b\"]\nmetrics-address = \":1\""), "");
}

TEST_F(Settings, what_is_no_toml_is_refused_with_its_place) {
  const auto broken = parse_settings("a = 1\nb = [", "f.toml");
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message().starts_with("f.toml:2:")) << broken.error().message();
  const auto date = parse_settings("a = 2026-01-01", "f.toml");
  ASSERT_FALSE(date);
  EXPECT_FALSE(parse_settings("[\"s3://b\".\"s3://c\"]\nregion = \"r\"", "f.toml"));
}

// A flag that is renamed or removed must not leave its name in the list of what is no setting, and
// two flags must not share a variable, or one with the variables all programs read.
TEST_F(Settings, names_are_consistent_over_all_commands) {
  std::map<std::string, std::string> variables;
  for (const EnvironmentSetting& setting : environment_settings())
    variables[setting.variable] = setting.name;
  std::size_t settings = 0;
  for (CLI::App* command : public_commands(*app_))
    for (CLI::Option* option : settings_of(*command)) {
      ++settings;
      EXPECT_FALSE(option->get_description().empty()) << setting_name(*option);
      for (const std::string& name : option->get_lnames()) {
        EXPECT_EQ(canonical_name(name), name);
        const auto [known, is_new] = variables.emplace(environment_name(name), name);
        EXPECT_EQ(known->second, name) << known->first << " of " << command_path(*command);
      }
    }
  EXPECT_GT(settings, 100u);
  EXPECT_TRUE(unknown_per_call_flags(*app_).empty()) << unknown_per_call_flags(*app_).front();
  EXPECT_EQ(find_command(*app_, "serve"), nullptr) << "hidden: it gets all from its keeper";
}

TEST_F(Settings, values_reach_the_options_as_if_they_were_flags) {
  CLI::App& mount = *find_command(*app_, "mount");
  CLI::Option& timeout = *find_setting(mount, "io-timeout");
  ASSERT_TRUE(set_value(timeout, "io-timeout", {"7"}));
  EXPECT_EQ(timeout.as<int>(), 7);
  EXPECT_FALSE(set_value(timeout, "io-timeout", {"seven"}));
  EXPECT_EQ(timeout.count(), 0u) << "a refused value is not left behind";
  CLI::Option& flag = *find_setting(mount, "no-prefetch");
  for (const char* yes : {"true", "1", "Yes", "on"}) {
    ASSERT_TRUE(set_value(flag, "no-prefetch", {yes}));
    EXPECT_TRUE(flag.as<bool>()) << yes;
  }
  ASSERT_TRUE(set_value(flag, "no-prefetch", {"no"}));
  EXPECT_FALSE(flag.as<bool>());
  EXPECT_FALSE(set_value(flag, "no-prefetch", {"2"}));
  CLI::Option& negated = *find_setting(*find_command(*app_, "shuffle"), "no-announce");
  ASSERT_TRUE(set_value(negated, "no-announce", {"true"}));
  EXPECT_FALSE(negated.as<bool>()) << "--no-announce means announce = false";
}

}  // namespace
}  // namespace shoal::tools
