// SPDX-License-Identifier: Apache-2.0
// Goal: volumes written for other drivers are mounted with only the driver's name changed,
// everything one can write about a volume arrives, and whatever has no effect is said once. Method:
// the attributes of published examples as they stand (the OSS read/write-splitting guide of Alibaba
// Cloud's container service, strmvol, mountpoint-s3), each attribute by itself, odd ones.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "csi/volume_attributes.h"

namespace shoal::csi {
namespace {

using std::chrono::seconds;

struct Volume {
  StringMap attributes;
  StringMap secrets = {};
  std::vector<std::string> mount_flags = {};
  std::string group = {};
};

Result<VolumeRequest> read(const Volume& volume) {
  return read_volume({.attributes = volume.attributes,
                      .secrets = volume.secrets,
                      .mount_flags = volume.mount_flags,
                      .mount_group = volume.group});
}

VolumeRequest good(const Volume& volume) {
  auto request = read(volume);
  EXPECT_TRUE(request) << (request ? "" : request.error().to_string());
  return request ? *request : VolumeRequest{};
}

std::string refusal(const Volume& volume) {
  const auto request = read(volume);
  if (request) return "accepted";
  EXPECT_EQ(request.error().code(), ErrorCode::bad_input) << request.error().to_string();
  return request.error().to_string();
}

// With the least one has to say beside what is tried.
VolumeRequest with(StringMap attributes) {
  attributes.emplace("source", "s3://b/p");
  return good({.attributes = std::move(attributes)});
}
std::string refused(StringMap attributes) {
  attributes.emplace("source", "s3://b/p");
  return refusal({.attributes = std::move(attributes)});
}

using Lines = std::vector<std::string>;

// ---- published examples

TEST(published, volume_of_the_guide_for_reading_and_writing) {
  const auto volume = good({.attributes = {{"bucket", "my-bucket"},
                                           {"url", "oss-cn-beijing.aliyuncs.com"},
                                           {"otherOpts", "-o max_stat_cache_size=0 -o allow_other"},
                                           {"path", "/tf-train"}},
                            .secrets = {{"akId", "i"}, {"akSecret", "s"}}});
  EXPECT_EQ(volume.spec.source, "oss://my-bucket/tf-train/");
  EXPECT_EQ(volume.spec.endpoint, "https://oss-cn-beijing.aliyuncs.com");
  EXPECT_TRUE(volume.spec.sign_requests);
  ASSERT_TRUE(volume.keys);
  EXPECT_EQ(volume.keys->access_key, "i");
  EXPECT_EQ(volume.warnings,
            Lines{"option max_stat_cache_size has no effect: names, sizes and times are all in the "
                  "kernel's file system, indexed once, and never looked up again"});
}

TEST(published, volume_of_the_guide_for_reading_only) {
  const auto volume = good(
      {.attributes = {{"bucket", "my-bucket"},
                      {"url", "oss-cn-beijing.aliyuncs.com"},
                      {"otherOpts",
                       "-o kernel_cache -o max_stat_cache_size=10000 -o umask=022 -o allow_other"},
                      {"path", "/tf-train/train/data"}},
       .secrets = {{"akId", "i"}, {"akSecret", "s"}}});
  EXPECT_EQ(volume.spec.source, "oss://my-bucket/tf-train/train/data/");
  EXPECT_EQ(volume.spec.umask, "0022");
  EXPECT_EQ(
      volume.warnings,
      (Lines{"option kernel_cache has no effect: the kernel keeps what was read in its page "
             "cache anyway",
             "option max_stat_cache_size has no effect: names, sizes and times are all in the "
             "kernel's file system, indexed once, and never looked up again"}));
}

TEST(published, every_option_the_guide_lists) {
  const auto volume = good({.attributes = {{"bucket", "b"},
                                           {"url", "oss-cn-beijing.aliyuncs.com"},
                                           {"otherOpts",
                                            "-o kernel_cache -o parallel_count=32 -o "
                                            "max_multireq=32 -o max_stat_cache_size=1000 -o "
                                            "direct_read -o umask=022 -o allow_other"}}});
  EXPECT_EQ(volume.warnings.size(), 5u);
  EXPECT_EQ(volume.spec.source, "oss://b/");
}

TEST(published, volume_of_strmvol) {
  const auto volume = good({.attributes = {{"bucket", "imagenet"},
                                           {"url", "oss-cn-hangzhou-internal.aliyuncs.com"},
                                           {"path", "/data"},
                                           {"directMode", "false"},
                                           {"resourceLimit", "2c4g"},
                                           {"umask", "0022"}},
                            .secrets = {{"akId", "i"}, {"akSecret", "s"}}});
  EXPECT_EQ(volume.spec.source, "oss://imagenet/data/");
  EXPECT_EQ(volume.spec.endpoint, "http://oss-cn-hangzhou-internal.aliyuncs.com");
  EXPECT_EQ(volume.spec.resource_limit, "2c4g");
  EXPECT_FALSE(volume.spec.direct);
  EXPECT_EQ(volume.spec.umask, "0022");
  EXPECT_EQ(volume.warnings, Lines{});
}

TEST(published, volume_of_mountpoint_s3) {
  const auto volume = good(
      {.attributes = {{"bucketName", "doc-example-bucket"}},
       .secrets = {{"key_id", "i"}, {"access_key", "s"}},
       .mount_flags = {"allow-delete", "region us-west-2", "prefix some-s3-prefix/", "uid=1000"}});
  EXPECT_EQ(volume.spec.source, "s3://doc-example-bucket/some-s3-prefix/");
  EXPECT_EQ(volume.spec.region, "us-west-2");
  EXPECT_EQ(volume.spec.uid, 1000u);
  EXPECT_EQ(volume.spec.endpoint, "");
  EXPECT_EQ(volume.warnings,
            Lines{"mount option allow-delete has no effect: the mount is read-only; write with "
                  "`shoal put`, `shoal sync`, the uploader library or the service's SDK"});
}

// ---- which dataset

TEST(source, is_made_of_bucket_and_path) {
  const auto source = [](const std::string& path) {
    return good({.attributes = {{"bucket", "b"}, {"path", path}}}).spec.source;
  };
  EXPECT_EQ(source(""), "s3://b/");
  EXPECT_EQ(source("/"), "s3://b/");
  EXPECT_EQ(source("//"), "s3://b/");
  EXPECT_EQ(source("/a/b"), "s3://b/a/b/");
  EXPECT_EQ(source("/a/b/"), "s3://b/a/b/");
  EXPECT_EQ(source("/größe/1 2"), "s3://b/größe/1 2/");
}

TEST(source, service_is_seen_from_the_host_unless_it_is_named) {
  const auto source = [](const std::string& url, const std::string& provider = "") {
    return good({.attributes = {{"bucket", "b"}, {"url", url}, {"provider", provider}}})
        .spec.source;
  };
  EXPECT_EQ(source("oss-cn-beijing.aliyuncs.com"), "oss://b/");
  EXPECT_EQ(source("OSS-CN-BEIJING.ALIYUNCS.COM:443"), "oss://b/");
  EXPECT_EQ(source("s3.eu-west-1.amazonaws.com"), "s3://b/");
  EXPECT_EQ(source("http://127.0.0.1:9000"), "s3://b/");
  EXPECT_EQ(source("http://127.0.0.1:9000", "oss"), "oss://b/");
  EXPECT_EQ(source("evil-aliyuncs.com"), "s3://b/");
  EXPECT_EQ(source("oss-cn-beijing.aliyuncs.com", "s3"), "s3://b/");
}

TEST(source, url_is_a_host_with_or_without_scheme) {
  const auto endpoint = [](const std::string& url) {
    return good({.attributes = {{"bucket", "b"}, {"url", url}}}).spec.endpoint;
  };
  EXPECT_EQ(endpoint(" oss-cn-beijing.aliyuncs.com/ "), "https://oss-cn-beijing.aliyuncs.com");
  EXPECT_EQ(endpoint("oss-cn-beijing-internal.aliyuncs.com"),
            "http://oss-cn-beijing-internal.aliyuncs.com");
  EXPECT_EQ(endpoint("https://oss-cn-beijing-internal.aliyuncs.com"),
            "https://oss-cn-beijing-internal.aliyuncs.com");
  EXPECT_EQ(endpoint("HTTP://Minio:9000"), "http://minio:9000");
}

TEST(source, urls_that_are_none_are_refused) {
  for (const char* url : {"ftp://h", "https://", "h/bucket", "h?x", "h h", "b.oss.aliyuncs.com"})
    EXPECT_NE(refusal({.attributes = {{"bucket", "b"}, {"url", url}}}).find("url"),
              std::string::npos)
        << url;
  const std::string text =
      refusal({.attributes = {{"bucket", "b"}, {"url", "https://u:HUSH@host"}}});
  EXPECT_EQ(text.find("HUSH"), std::string::npos) << text;
}

TEST(source, can_be_written_in_one) {
  EXPECT_EQ(good({.attributes = {{"SOURCE", " oss://b/p "}}}).spec.source, "oss://b/p");
  EXPECT_EQ(good({.attributes = {{"source", "s3://b/p"}, {"url", "http://h:1"}}}).spec.endpoint,
            "http://h:1");
  EXPECT_NE(refusal({.attributes = {{"source", "s3://b/p"}, {"bucket", "c"}}}).find("both"),
            std::string::npos);
  EXPECT_NE(refusal({.attributes = {{"source", "s3://b/p"}, {"path", "/c"}}}).find("both"),
            std::string::npos);
}

// Whoever may write a pod could read every file of the node.
TEST(source, is_never_a_directory_of_the_node) {
  for (const char* source : {"file:///etc", "FILE:///etc", "/etc", "http://h/b", "s3:/b"})
    EXPECT_NE(refusal({.attributes = {{"source", source}}}).find("object store"), std::string::npos)
        << source;
}

TEST(source, that_is_missing_is_named) {
  EXPECT_NE(refusal({.attributes = {}}).find("bucket is missing"), std::string::npos);
  EXPECT_NE(refusal({.attributes = {{"bucket", "  "}, {"url", "h"}}}).find("bucket is missing"),
            std::string::npos);
  EXPECT_NE(refusal({.attributes = {{"bucket", "b"}, {"path", "a/b"}}}).find("path 'a/b'"),
            std::string::npos);
  EXPECT_NE(refusal({.attributes = {{"bucket", "b/c"}}}).find("bucket"), std::string::npos);
}

// ---- each attribute

TEST(attributes, arrive) {
  const auto volume = with({{"region", "cn-beijing"},
                            {"addressing", "Path"},
                            {"sigVersion", "V1"},
                            {"umask", "077"},
                            {"uid", "1000"},
                            {"gid", "2000"},
                            {"cacheSize", "50G"},
                            {"bufferSize", "512M"},
                            {"resourceLimit", "2C4G"},
                            {"maxRequests", "128"},
                            {"maxQps", "500.5"},
                            {"maxBandwidth", "100M"},
                            {"ioTimeout", "2m"},
                            {"warm", " a/b  *.csv\n c "},
                            {"pin", "true"},
                            {"order", "shuffle:42:3"},
                            {"indexMaxAge", "1h"},
                            {"strictAccessMode", "true"},
                            {"endpoint", "https://h:9000"}});
  const agent::VolumeSpec& spec = volume.spec;
  EXPECT_EQ(spec.source, "s3://b/p");
  EXPECT_EQ(spec.endpoint, "https://h:9000");
  EXPECT_EQ(spec.region, "cn-beijing");
  EXPECT_EQ(spec.addressing, "path");
  EXPECT_EQ(spec.signature, "v1");
  EXPECT_EQ(spec.umask, "0077");
  EXPECT_EQ(spec.uid, 1000u);
  EXPECT_EQ(spec.gid, 2000u);
  EXPECT_EQ(spec.cache_size, "50G");
  EXPECT_EQ(spec.buffer_size, "512M");
  EXPECT_EQ(spec.resource_limit, "2c4g");
  EXPECT_EQ(spec.max_requests, 128u);
  EXPECT_EQ(spec.max_qps, 500.5);
  EXPECT_EQ(spec.max_bandwidth, "100M");
  EXPECT_EQ(spec.io_timeout_seconds, 120u);
  EXPECT_EQ(spec.warm, (Lines{"a/b", "*.csv", "c"}));
  EXPECT_TRUE(spec.pin);
  EXPECT_EQ(spec.order, "shuffle:42:3");
  EXPECT_EQ(spec.index_age_max, seconds(3600));
  EXPECT_TRUE(volume.strict_access_mode);
  EXPECT_EQ(volume.warnings, Lines{});
  EXPECT_TRUE(with({{"directMode", "true"}}).spec.direct);
  EXPECT_TRUE(with({{"noPrefetch", "1"}}).spec.no_prefetch);
}

TEST(attributes, are_taken_without_regard_to_case_and_trimmed) {
  const auto volume = with({{"CACHESIZE", " 5G "}, {"io_timeout", "7"}, {"Umask", "\t022\n"}});
  EXPECT_EQ(volume.spec.cache_size, "5G");
  EXPECT_EQ(volume.spec.io_timeout_seconds, 7u);
  EXPECT_EQ(volume.spec.umask, "0022");
  EXPECT_EQ(with({{"umask", " "}, {"uid", ""}}).spec, with({}).spec);
  EXPECT_EQ(with({{"uid", "5"}, {"UID", " 5 "}}).spec.uid, 5u);
  EXPECT_NE(refused({{"uid", "5"}, {"UID", "6"}}).find("differ"), std::string::npos);
}

TEST(attributes, that_cannot_be_read_are_named_with_what_to_write) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"umask", "9"},          {"umask", "u=rwx"},      {"uid", "nobody"},
      {"gid", "-1"},           {"uid", "4294967295"},   {"cacheSize", "lots"},
      {"bufferSize", "1M"},    {"resourceLimit", "2"},  {"maxRequests", "0"},
      {"maxRequests", "5000"}, {"maxQps", "fast"},      {"maxBandwidth", "x"},
      {"ioTimeout", "0"},      {"ioTimeout", "2d"},     {"directMode", "2"},
      {"noPrefetch", "maybe"}, {"pin", "perhaps"},      {"order", "random"},
      {"order", "shuffle:x"},  {"indexMaxAge", "soon"}, {"sigVersion", "v2"},
      {"addressing", "up"},    {"provider", "gcs"},     {"strictAccessMode", "?"}};
  for (const auto& [name, value] : bad) {
    const std::string text = refused({{name, value}});
    EXPECT_NE(text.find(value), std::string::npos) << name << ": " << text;
    EXPECT_NE(text.find(". "), std::string::npos) << name << " has no remedy: " << text;
  }
}

TEST(attributes, that_contradict_each_other_are_refused) {
  EXPECT_NE(refused({{"directMode", "true"}, {"order", "shuffle:1"}}), "accepted");
  EXPECT_NE(refused({{"pin", "true"}}), "accepted");
}

TEST(attributes, nobody_knows_are_named_and_harmless) {
  EXPECT_EQ(with({{"chacheSize", "5G"}, {"colour", "blue"}}).warnings,
            (Lines{"attribute chacheSize has no effect: Shoal does not know it; did you mean "
                   "cacheSize?",
                   "attribute colour has no effect: Shoal does not know it"}));
}

TEST(attributes, of_other_drivers_are_explained) {
  EXPECT_EQ(
      with({{"fuseType", "ossfs2"}, {"encrypted", "kms"}, {"dnsPolicy", "Default"}}).warnings,
      (Lines{"attribute dnsPolicy has no effect: the node agent asks the node's resolver",
             "attribute encrypted has no effect: the service decrypts objects for whoever may "
             "read them",
             "attribute fuseType has no effect: the volume is mounted by Shoal, not by a FUSE "
             "client"}));
}

TEST(attributes, that_kubernetes_adds_say_nothing_of_the_volume) {
  const auto volume =
      with({{"csi.storage.k8s.io/pod.name", "p"},
            {"csi.storage.k8s.io/serviceAccount.tokens", "{\"sts\":{\"token\":\"HUSH\"}}"},
            {"csi.storage.k8s.io/ephemeral", "true"},
            {"storage.kubernetes.io/csiProvisionerIdentity", "1-2-3"}});
  EXPECT_TRUE(volume.ephemeral);
  EXPECT_EQ(volume.warnings, Lines{});
  EXPECT_EQ(volume.spec, with({}).spec);
  EXPECT_FALSE(with({{"csi.storage.k8s.io/ephemeral", "false"}}).ephemeral);
}

// ---- options

TEST(options, set_what_attributes_set_and_count_less) {
  EXPECT_EQ(with({{"otherOpts", "-o cache_size=7G,uid=3 -o max-requests=9"}}).spec.cache_size,
            "7G");
  const auto volume = good({.attributes = {{"source", "s3://b/p"},
                                           {"otherOpts", "-o umask=077,uid=1 -o gid=1"},
                                           {"uid", "3"}},
                            .mount_flags = {"gid=2", "umask=077"}});
  EXPECT_EQ(volume.spec.uid, 3u);
  EXPECT_EQ(volume.spec.gid, 2u);
  EXPECT_EQ(volume.spec.umask, "0077");
  EXPECT_EQ(volume.warnings, (Lines{"mount option gid (2) is used, not option gid (1)",
                                    "attribute uid (3) is used, not option uid (1)"}));
}

TEST(options, that_cannot_be_read_say_where_they_stood) {
  EXPECT_NE(refused({{"otherOpts", "-o umask=9"}}).find("option umask '9'"), std::string::npos);
  EXPECT_NE(refused({{"otherOpts", "umask=022"}}).find("does not follow a -o"), std::string::npos);
  EXPECT_NE(refusal({.attributes = {{"source", "s3://b/p"}}, .mount_flags = {"uid=x"}})
                .find("mount option uid 'x'"),
            std::string::npos);
}

TEST(options, are_warned_of_once_each) {
  EXPECT_EQ(
      with({{"otherOpts", "-o kernel_cache -o kernel_cache -o made_up -o allow_other"}}).warnings,
      (Lines{"option kernel_cache has no effect: the kernel keeps what was read in its page "
             "cache anyway",
             "option made_up has no effect: Shoal does not know it"}));
}

TEST(modes, of_other_clients_only_take_away) {
  const auto umask = [](const char* options) {
    return with({{"otherOpts", std::string("-o ") + options}}).spec.umask;
  };
  EXPECT_EQ(umask("file_mode=0644,dir_mode=0755"), "");
  EXPECT_EQ(umask("file_mode=0640,dir_mode=0755"), "0004");
  EXPECT_EQ(umask("file_mode=0400,dir_mode=0500"), "0055");
  EXPECT_EQ(umask("umask=002,file_mode=0440"), "0006");
}

// ---- anything at all

TEST(whatever_is_written, is_a_volume_or_refused_by_name) {
  Rng rng(20260523);
  const std::vector<std::string> names{
      "bucket",   "url",         "path",      "source",        "otherOpts", "umask",
      "uid",      "cacheSize",   "order",     "warm",          "authType",  "akId",
      "akSecret", "indexMaxAge", "ioTimeout", "resourceLimit", "\xff\xfe",  ""};
  const std::vector<std::string> pieces{
      "-o ",  "umask=022", ",", "=",          "s3://", "oss://", "b",    "/",        "..",    "\n",
      "\xf0", "true",      "0", "9999999999", "-",     "h",      "2c4g", "shuffle:", "list:", " "};
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    Volume volume;
    if (rng.below(2) == 0) volume.attributes["bucket"] = "b";
    for (std::uint64_t n = rng.below(4); n > 0; --n) {
      std::string value;
      for (std::uint64_t m = rng.below(5); m > 0; --m) value += pieces[rng.below(pieces.size())];
      volume.attributes[names[rng.below(names.size())]] = value;
      if (rng.below(4) == 0) volume.mount_flags.push_back(value);
    }
    const auto request = read(volume);
    if (request) {
      ++taken;
      EXPECT_TRUE(agent::check_spec(request->spec));
      EXPECT_TRUE(request->spec.source.starts_with("s3://") ||
                  request->spec.source.starts_with("oss://"));
    } else {
      EXPECT_EQ(request.error().code(), ErrorCode::bad_input);
      EXPECT_FALSE(request.error().remedy().empty()) << request.error().message();
    }
  }
  EXPECT_GT(taken, 1000);
}

// ---- whose

TEST(keys, come_from_the_secret_and_count_more_there) {
  const auto both =
      good({.attributes = {{"source", "s3://b/p"}, {"akId", "ai"}, {"akSecret", "as"}},
            .secrets = {{"akId", "si"}, {"akSecret", "ss"}}});
  EXPECT_EQ(both.keys->access_key, "si");
  const auto attributes = with({{"akId", "ai"}, {"akSecret", "as"}});
  ASSERT_TRUE(attributes.keys);
  EXPECT_EQ(attributes.keys->access_key, "ai");
  EXPECT_EQ(attributes.keys->secret_key.reveal(), "as");
  ASSERT_EQ(attributes.warnings.size(), 1u);
  EXPECT_NE(attributes.warnings[0].find("put them into a Secret"), std::string::npos);
  EXPECT_FALSE(with({}).keys);
}

TEST(keys, are_never_repeated_in_texts) {
  for (const StringMap& attributes :
       {StringMap{{"akId", "HUSH"}}, StringMap{{"akSecret", "HUSH"}},
        StringMap{{"akId", "HUSH\n1"}, {"akSecret", "HUSH"}},
        StringMap{{"akId", "HUSH"}, {"AKID", "HUSH2"}, {"akSecret", "HUSH"}}}) {
    const std::string text = refused(attributes);
    EXPECT_NE(text, "accepted");
    EXPECT_EQ(text.find("HUSH"), std::string::npos) << text;
  }
  for (const StringMap& attributes :
       {StringMap{{"url", "ftp://id:HUSH@h"}}, StringMap{{"endpoint", "http://id:HUSH@h"}},
        StringMap{{"source", "s3://id:HUSH@b/p"}}, StringMap{{"otherOpts", "oss_secret=HUSH"}}}) {
    const std::string text = refused(attributes);
    EXPECT_NE(text, "accepted");
    EXPECT_EQ(text.find("HUSH"), std::string::npos) << text;
  }
  for (const StringMap& attributes :
       {StringMap{{"akId", "HUSH"}, {"akSecret", "HUSH"}}, StringMap{{"accessKeySecret", "HUSH"}},
        StringMap{{"otherOpts", "-o oss_access_key_secret=HUSH,secret_key=HUSH"}}})
    for (const std::string& warning : with(attributes).warnings)
      EXPECT_EQ(warning.find("HUSH"), std::string::npos) << warning;
}

TEST(keys, are_not_needed_for_a_public_bucket) {
  const auto volume = good({.attributes = {{"source", "s3://b/p"}, {"authType", "Public"}},
                            .secrets = {{"akId", "i"}, {"akSecret", "s"}}});
  EXPECT_FALSE(volume.spec.sign_requests);
  EXPECT_FALSE(volume.keys);
  EXPECT_EQ(volume.warnings, Lines{"the keys are not used: authType is public"});
  EXPECT_FALSE(with({{"otherOpts", "-o public_bucket=1"}}).spec.sign_requests);
}

TEST(keys, by_roles_are_refused_with_what_to_do_instead) {
  for (const char* type : {"rrsa", "sts", "csi-secret-store", "agent-identity", "pod"})
    EXPECT_NE(refused({{"authType", type}}).find("nodePublishSecretRef"), std::string::npos)
        << type;
}

TEST(keys, that_nobody_knows_are_named_by_name) {
  EXPECT_EQ(good({.attributes = {{"source", "s3://b/p"}}, .secrets = {{"user", "HUSH"}}}).warnings,
            Lines{"the Secret has no keys that Shoal knows, only: user"});
}

// ---- the pod's group

TEST(group, of_the_pod_owns_the_files_and_can_read_them) {
  const auto volume =
      good({.attributes = {{"source", "s3://b/p"}, {"umask", "0077"}}, .group = "7"});
  EXPECT_EQ(volume.spec.gid, 7u);
  EXPECT_TRUE(volume.gid_of_pod);
  EXPECT_EQ(volume.spec.umask, "0007");
  EXPECT_EQ(good({.attributes = {{"source", "s3://b/p"}}, .group = "7"}).spec.umask, "");
}

TEST(group, that_the_volume_names_counts_more) {
  const auto volume = good({.attributes = {{"source", "s3://b/p"}, {"gid", "5"}}, .group = "7"});
  EXPECT_EQ(volume.spec.gid, 5u);
  EXPECT_FALSE(volume.gid_of_pod);
  EXPECT_EQ(volume.warnings, Lines{"gid 5 is shown, not the pod's fsGroup 7"});
  // The modes, too, are those the volume names: the same for every pod.
  const auto masked =
      good({.attributes = {{"source", "s3://b/p"}, {"gid", "5"}, {"umask", "077"}}, .group = "7"});
  EXPECT_EQ(masked.spec.umask, "0077");
}

TEST(group, that_is_no_number_is_refused) {
  EXPECT_NE(refusal({.attributes = {{"source", "s3://b/p"}}, .group = "wheel"}).find("wheel"),
            std::string::npos);
}

}  // namespace
}  // namespace shoal::csi
