// SPDX-License-Identifier: Apache-2.0
// Goal: what the agent leaves on disk is found again, names what it should and holds no secret;
// names keep apart who must be kept apart. Method: the real files in a directory of the test's own.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/key_files.h"
#include "agent/mount_plan.h"
#include "agent/names.h"
#include "agent/records.h"
#include "store/credentials.h"
#include "sys/file.h"
#include "unit/sys/temporary_directory.h"

namespace shoal::agent {
namespace {

using testing::TemporaryDirectory;

Keys keys_of(const char* access, const char* secret, const char* token = "") {
  return {.access_key = access, .secret_key = Secret(secret), .session_token = Secret(token)};
}

VolumeSpec spec_of(const char* source) {
  VolumeSpec spec;
  spec.source = source;
  return spec;
}

TEST(Names, are_the_same_for_the_same_and_keep_others_apart) {
  const Names names("salt");
  const std::string identity = names.of_keys(keys_of("a", "b"));
  EXPECT_EQ(identity, names.of_keys(keys_of("a", "b")));
  EXPECT_NE(identity, names.of_keys(keys_of("a", "c")));
  EXPECT_NE(identity, names.of_keys(keys_of("a", "b", "t")));
  EXPECT_NE(names.of_keys(keys_of("ab", "c")), names.of_keys(keys_of("a", "bc")));
  EXPECT_EQ(names.of_keys(std::nullopt), "");
  EXPECT_NE(identity, Names("pepper").of_keys(keys_of("a", "b"))) << "keys cannot be tried out";
  VolumeSpec spec = spec_of("s3://b/Data set/x/");
  const std::string name = names.of_dataset(spec, identity);
  EXPECT_TRUE(name.starts_with("b-Data-set-x-")) << name;
  EXPECT_NE(name, names.of_dataset(spec, ""));
  spec.cache_size = "1G";
  spec.warm = {"*"};
  EXPECT_EQ(name, names.of_dataset(spec, identity)) << "index and cache are found again";
  spec.endpoint = "http://elsewhere";
  EXPECT_NE(name, names.of_dataset(spec, identity));
  EXPECT_EQ(Names::of_id("../../etc").find('/'), std::string::npos);
  EXPECT_EQ(names.of_dataset(spec_of("s3://..//"), "").find('/'), std::string::npos);
}

TEST(Names, the_salt_of_a_node_is_made_once_and_kept_private) {
  const TemporaryDirectory directory;
  const auto first = Names::open(directory / "salt");
  ASSERT_TRUE(first) << first.error().to_string();
  struct stat status {};
  ASSERT_EQ(stat((directory / "salt").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  const auto second = Names::open(directory / "salt");
  EXPECT_EQ(first->of_keys(keys_of("a", "b")), second->of_keys(keys_of("a", "b")));
  std::ofstream(directory / "salt") << "short";
  EXPECT_EQ(Names::open(directory / "salt").error().code(), ErrorCode::corrupt);
}

TEST(KeyFiles, what_is_written_is_what_a_server_reads) {
  const TemporaryDirectory directory;
  const auto files = KeyFiles::open(directory / "keys");
  ASSERT_TRUE(files);
  EXPECT_FALSE(files->has("m"));
  ASSERT_TRUE(files->write("m", keys_of("old", "x")));
  ASSERT_TRUE(files->write("m", keys_of("AKIA", "se/cret+=", "to.ken")));
  EXPECT_TRUE(files->has("m"));
  store::StoreConfig config;
  config.credentials_file = files->path_of("m");
  const auto found =
      store::find_credentials(store::Scheme::s3, config, store::CredentialSources::of_process());
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ((*found)->access_key, "AKIA");
  EXPECT_EQ((*found)->secret_key.reveal(), "se/cret+=");
  EXPECT_EQ((*found)->session_token.reveal(), "to.ken");
  const auto read = files->read("m");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->session_token.reveal(), "to.ken");
  struct stat status {};
  ASSERT_EQ(stat(files->path_of("m").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  ASSERT_EQ(stat((directory / "keys").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0700u);
  files->remove("m");
  EXPECT_FALSE(files->has("m"));
  EXPECT_TRUE(std::filesystem::is_empty(directory / "keys")) << "nothing staged is left";
}

TEST(RecordFiles, are_found_again_and_torn_ones_are_named_and_left_alone) {
  const TemporaryDirectory directory;
  const auto files = RecordFiles::open(directory / "volumes");
  ASSERT_TRUE(files);
  VolumeRecord record{.id = "pv/../1",
                      .spec = spec_of("s3://b/d"),
                      .mount = "b-d-123",
                      .key_identity = "abc",
                      .has_session_token = true,
                      .staging_path = "/stage",
                      .detach_with_last_target = true,
                      .targets = {{.path = "/t", .read_only = false, .fingerprint = "f"}}};
  ASSERT_TRUE(files->save(record));
  ASSERT_TRUE(files->save(record)) << "again";
  record.id = "other";
  ASSERT_TRUE(files->save(record));
  std::ofstream(directory / "volumes/torn.json") << "{\"version\": 1,";
  auto loaded = files->load();
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->records.size(), 2u);
  EXPECT_EQ(loaded->records[0].id, "other");
  record.id = "pv/../1";
  EXPECT_EQ(encode_record(loaded->records[1]), encode_record(record));
  ASSERT_EQ(loaded->unreadable.size(), 1u);
  EXPECT_NE(loaded->unreadable[0].message().find("torn.json"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(directory / "volumes/torn.json"));
  ASSERT_TRUE(files->remove("other"));
  ASSERT_TRUE(files->remove("other")) << "again";
  EXPECT_EQ(files->load()->records.size(), 1u);
}

TEST(VolumeRecord, one_that_would_lead_elsewhere_is_refused) {
  VolumeRecord record{.id = "v",
                      .spec = spec_of("s3://b/d"),
                      .mount = "m",
                      .key_identity = "",
                      .has_session_token = false,
                      .staging_path = {},
                      .detach_with_last_target = false,
                      .targets = {}};
  EXPECT_TRUE(decode_record(encode_record(record)));
  for (const char* mount : {"", "..", ".hidden", "a/b", "/etc"}) {
    record.mount = mount;
    EXPECT_FALSE(decode_record(encode_record(record))) << mount;
  }
  record.mount = "m";
  record.id = "";
  EXPECT_FALSE(decode_record(encode_record(record)));
}

TEST(MountPlan, the_children_are_told_what_the_spec_says_and_no_secret) {
  MountPlan plan{.name = "m",
                 .spec = spec_of("s3://b/d"),
                 .credentials_file = "/run/shoal/agent/keys/m",
                 .places = {.program = "/usr/bin/shoal",
                            .runtime_directory = "/run/shoal",
                            .state_directory = "/var/lib/shoal/agent",
                            .volumes_directory = "/var/lib/shoal/volumes",
                            .keeper_cgroup = {}}};
  using Words = std::vector<std::string>;
  EXPECT_EQ(plan.build_command(false), (Words{"/usr/bin/shoal", "index", "build", "s3://b/d",
                                              "--volume", "/var/lib/shoal/volumes/m", "--json",
                                              "--credentials-file", "/run/shoal/agent/keys/m"}));
  plan.credentials_file.clear();
  plan.spec.sign_requests = false;
  plan.spec.uid = 0;
  plan.spec.endpoint = "http://e";
  EXPECT_EQ(
      plan.build_command(true),
      (Words{"/usr/bin/shoal", "index", "build", "s3://b/d", "--volume", "/var/lib/shoal/volumes/m",
             "--json", "--endpoint", "http://e", "--uid", "0", "--no-sign-request", "--rebuild"}));
  plan.spec.cache_size = "1G";
  plan.spec.direct = true;
  plan.spec.io_timeout_seconds = 9;
  const auto options = plan.keeper_options();
  EXPECT_EQ(options.mount_point, "/var/lib/shoal/agent/mounts/m");
  EXPECT_EQ(options.carrier, fuse::Carrier::exact);
  const Words& server = options.server_command;
  EXPECT_EQ(Words(server.begin() + 6, server.end()),
            (Words{"--cache-size", "1G", "--io-timeout", "9", "--direct"}));
}

}  // namespace
}  // namespace shoal::agent
