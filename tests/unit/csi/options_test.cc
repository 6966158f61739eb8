// SPDX-License-Identifier: Apache-2.0
// Goal: options people carry over from other clients are taken apart as those clients do, mean what
// they meant where they can, and are named with a reason where they cannot.
// Method: the grammar case by case; options of ossfs 1 and 2, s3fs and mountpoint one by one.
#include <gtest/gtest.h>

#include "csi/attribute_values.h"
#include "csi/foreign_options.h"
#include "csi/option_list.h"

namespace shoal::csi {
namespace {

std::string shown(const Result<std::vector<Option>>& options) {
  if (!options) return "error: " + options.error().message();
  std::string text;
  for (const Option& option : *options)
    text +=
        (text.empty() ? "" : " ") + option.name + (option.value.empty() ? "" : "=" + option.value);
  return text;
}

TEST(other_options, are_lists_behind_a_dash_o) {
  EXPECT_EQ(shown(parse_other_options("")), "");
  EXPECT_EQ(shown(parse_other_options("   \t\n ")), "");
  EXPECT_EQ(shown(parse_other_options("-o max_stat_cache_size=0 -o allow_other")),
            "max_stat_cache_size=0 allow_other");
  EXPECT_EQ(shown(parse_other_options("  -oumask=022,uid=7,,gid=8   -o  ro ")),
            "umask=022 uid=7 gid=8 ro");
  EXPECT_EQ(shown(parse_other_options("-o url=http://h:1/?a=b")), "url=http://h:1/?a=b");
}

TEST(other_options, that_are_malformed_are_refused_with_the_part_that_is) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"allow_other", "'allow_other' does not follow a -o"},
      {"-o a b", "'b' does not follow a -o"},
      {"-o", "nothing follows the last -o"},
      {"-o a -o", "nothing follows the last -o"},
      {"--umask=022", "'--umask=...' does not follow a -o"},
      {"-o -o a", "'-o' follows a -o"},
      {"-o =3", "'=...' has no name"},
      {"-o a,=b", "'=...' has no name"},
      {"-x a", "'-x' does not follow a -o"}};
  for (const auto& [text, why] : cases) {
    const auto options = parse_other_options(text);
    ASSERT_FALSE(options) << text;
    EXPECT_EQ(options.error().code(), ErrorCode::bad_input);
    EXPECT_EQ(options.error().message(), std::string("options: ") + why);
    EXPECT_FALSE(options.error().remedy().empty());
  }
}

TEST(other_options, that_are_malformed_are_not_repeated_with_their_values) {
  for (const char* text : {"secret_key=HUSH", "-o secret_key=HUSH b", "-o a -x=HUSH", "-o =HUSH"}) {
    const auto options = parse_other_options(text);
    ASSERT_FALSE(options) << text;
    EXPECT_EQ(options.error().to_string().find("HUSH"), std::string::npos)
        << options.error().to_string();
  }
}

TEST(other_options, keep_commas_between_quotation_marks) {
  EXPECT_EQ(shown(parse_other_options(R"(-o context="s0:c1,c2",ro)")), "context=s0:c1,c2 ro");
  EXPECT_EQ(shown(parse_other_options(R"(-o a="b,c)")), R"(a="b c)");
  EXPECT_EQ(shown(parse_other_options(R"(-o a="",b=")")), R"(a b=")");
  const std::vector<std::string> kubelets{
      R"(context="system_u:object_r:container_file_t:s0:c1,c2")"};
  EXPECT_EQ(shown(parse_mount_flags(kubelets)),
            "context=system_u:object_r:container_file_t:s0:c1,c2");
}

TEST(mount_flags, are_lists_or_names_with_values) {
  const auto parse = [](std::vector<std::string> flags) { return shown(parse_mount_flags(flags)); };
  EXPECT_EQ(parse({}), "");
  EXPECT_EQ(parse({"allow-delete", "region us-west-2", "prefix some/dir/"}),
            "allow-delete region=us-west-2 prefix=some/dir/");
  EXPECT_EQ(parse({"--uid=1000", "--gid 7", "ro,umask=022"}), "uid=1000 gid=7 ro umask=022");
  EXPECT_EQ(parse({"-o umask=077 -o ro", " "}), "umask=077 ro");
  EXPECT_EQ(parse({"=x"}).substr(0, 6), "error:");
}

std::string meaning(const std::string& name, const std::string& value = "") {
  const OptionMeaning meaning = meaning_of({name, value});
  if (const auto* means = std::get_if<Means>(&meaning)) return means->setting + "=" + means->value;
  if (std::holds_alternative<Satisfied>(meaning)) return "satisfied";
  if (std::holds_alternative<Ignored>(meaning)) return "ignored";
  return "unknown";
}

TEST(meanings, of_options_that_shoal_has_too) {
  EXPECT_EQ(meaning("umask", "022"), "umask=022");
  EXPECT_EQ(meaning("uid", "1"), "uid=1");
  EXPECT_EQ(meaning("use_path_request_style"), "addressing=path");
  EXPECT_EQ(meaning("force-path-style", "false"), "satisfied");
  EXPECT_EQ(meaning("public_bucket", "1"), "authtype=public");
  EXPECT_EQ(meaning("public_bucket", "0"), "satisfied");
  EXPECT_EQ(meaning("no-sign-request"), "authtype=public");
  EXPECT_EQ(meaning("sigv4"), "sigversion=v4");
  EXPECT_EQ(meaning("endpoint", "us-east-2"), "region=us-east-2");
  EXPECT_EQ(meaning("endpoint", "https://h"), "endpoint=https://h");
  EXPECT_EQ(meaning("endpoint-url", "https://h"), "endpoint=https://h");
  EXPECT_EQ(meaning("oss_endpoint", "https://h"), "endpoint=https://h");
  EXPECT_EQ(meaning("prefix", "a/b/"), "path=/a/b/");
  EXPECT_EQ(meaning("max-cache-size", "512"), "cachesize=512M");
  EXPECT_EQ(meaning("file-mode", "0440"), "filemode=0440");
  EXPECT_EQ(meaning("cache_size", "9G"), "cachesize=9G");
  EXPECT_EQ(meaning("cache-size", "2048"), "cachesize=2048M");
  EXPECT_EQ(meaning("buffer-size", "300"), "buffersize=300M");
  EXPECT_EQ(meaning("cacheSize", "10737418240"), "cachesize=10737418240");
  EXPECT_EQ(meaning("host", "https://h"), "url=https://h");
  EXPECT_EQ(meaning("oss_bucket", "b"), "bucket=b");
  EXPECT_EQ(meaning("subdomain"), "addressing=virtual");
  EXPECT_EQ(meaning("direct"), "directmode=true");
  EXPECT_EQ(meaning("no-prefetch"), "noprefetch=true");
}

TEST(meanings, of_options_that_are_so_anyway) {
  for (const char* name :
       {"allow_other", "allow-other", "ro", "read-only", "nosuid", "noatime", "_netdev", "defaults",
        "default_permissions", "noexec", "x-systemd.mount-timeout", "X-mount.mkdir", "comment"})
    EXPECT_EQ(meaning(name), "satisfied") << name;
}

TEST(meanings, of_options_without_an_effect) {
  for (const char* name :
       {"kernel_cache", "parallel_count", "max_multireq", "max_stat_cache_size", "direct_read",
        "use_cache", "ensure_diskfree", "multipart_size", "retries", "connect_timeout", "dbglevel",
        "curldbg", "passwd_file", "no_check_certificate", "listobjectsv2", "nonempty",
        "attr_timeout", "close_to_open", "total_mem_limit", "prefetch_concurrency", "allow-delete",
        "allow-overwrite", "incremental-upload", "metadata-ttl", "cache", "read-part-size",
        "max-threads", "requester-pays", "stat_cache_expire", "enable_noobj_cache", "mp_umask",
        "rw", "storage_class", "iam_role", "suid", "log_level", "big_writes", "readdirplus",
        "upload_concurrency", "noxmlns",
        // s3fs and ossfs 1
        "nodnscache", "nosscache", "nomixupload", "noua", "use_xattr", "ecs", "use_session_token",
        "no_time_stamp_msg", "set_check_cache_sigusr1", "servicepath", "upload_traffic_limit",
        "download_traffic_limit", "direct_read_prefetch_chunks", "direct_read_backward_chunks",
        // ossfs 2
        "log_file_max_size", "log_file_max_count", "negative_timeout", "upload_buffer_size",
        "enable_appendable_object", "ram_role",
        // mountpoint-s3
        "cache-express", "expected-bucket-owner", "maximum-throughput-gbps", "otlp-endpoint",
        "foreground",
        // GeeseFS, JuiceFS
        "memory-limit", "entry-limit", "no-preload-dir", "part-sizes", "stat-cache-ttl",
        "fsync-on-close", "writeback", "attr-cache", "cache-dir", "io-retries", "max-uploads",
        // mount itself
        "context", "exec", "atime", "dirsync"})
    EXPECT_EQ(meaning(name), "ignored") << name;
}

TEST(meanings, of_options_that_would_weaken_something_are_told_as_they_are) {
  const auto instead = [](const char* name) {
    const OptionMeaning meaning = meaning_of({name, ""});
    const auto* ignored = std::get_if<Ignored>(&meaning);
    return ignored == nullptr ? std::string() : std::string(ignored->instead);
  };
  EXPECT_NE(instead("expected-bucket-owner").find("bucket"), std::string::npos);
  EXPECT_NE(instead("no_check_certificate").find("always checked"), std::string::npos);
  EXPECT_NE(instead("exec").find("none can be executed"), std::string::npos);
  EXPECT_NE(instead("context").find("no SELinux labels"), std::string::npos);
  EXPECT_NE(instead("use_xattr").find("metadata"), std::string::npos);
  EXPECT_NE(instead("multipart_size").find("read-only"), std::string::npos);
}

TEST(meanings, of_options_nobody_knows) {
  for (const char* name : {"", "kernelcach", "cach", "e", "my_option", "akid", "aksecret"})
    EXPECT_EQ(meaning(name, "1"), "unknown") << name;
}

TEST(values, are_read_strictly) {
  EXPECT_EQ(bool_value("TRUE"), true);
  EXPECT_EQ(bool_value("off"), false);
  EXPECT_EQ(bool_value("2"), std::nullopt);
  EXPECT_EQ(mode_value("022"), 022u);
  EXPECT_EQ(mode_value("1000"), std::nullopt);
  EXPECT_EQ(mode_value("8"), std::nullopt);
  EXPECT_EQ(mode_value(""), std::nullopt);
  EXPECT_EQ(number_value("12"), 12u);
  for (const char* text : {"", "-1", "1.5", "4294967296", "1 ", "0x1"})
    EXPECT_EQ(number_value(text), std::nullopt) << text;
  EXPECT_EQ(rate_value("2.5"), 2.5);
  for (const char* text : {"nan", "inf", "-1", "", "1e999"})
    EXPECT_EQ(rate_value(text), std::nullopt) << text;
}

TEST(durations, have_units) {
  using std::chrono::seconds;
  EXPECT_EQ(duration_value("90"), seconds(90));
  EXPECT_EQ(duration_value("0"), seconds(0));
  EXPECT_EQ(duration_value("30m"), seconds(1800));
  EXPECT_EQ(duration_value("1h30m"), seconds(5400));
  EXPECT_EQ(duration_value("2d"), seconds(172800));
  for (const char* text :
       {"", "h", "1w", "1h-", "-1h", "1.5h", "99999999999d", "9999999999", "1h30"})
    EXPECT_EQ(duration_value(text), std::nullopt) << text;
}

TEST(texts, for_people) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(edit_distance("cachesize", "chacesize"), 2u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("same", "same"), 0u);
}

}  // namespace
}  // namespace shoal::csi
