// SPDX-License-Identifier: Apache-2.0
// Goal: URL, volume directory and path in a volume name the same thing in every command.
// Method: volumes are built from a directory tree (file://), then named in each possible way.
#include "tools/target.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "volume/prepare.h"

namespace shoal::tools {
namespace {

namespace fs = std::filesystem;

class TargetTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "shoal-target.XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "data" / "sub" / "deep");
    std::ofstream(root_ / "data" / "sub" / "file") << "x";
    ASSERT_EQ(setenv("SHOAL_VOLUMES", (root_ / "volumes").c_str(), 1), 0);
  }
  void TearDown() override {
    unsetenv("SHOAL_VOLUMES");
    fs::remove_all(root_);
  }

  std::string url(const std::string& below = "") const {
    return "file://" + (root_ / "data").string() + below;
  }
  fs::path build(const std::string& text, StoreFlags flags = {}) {
    const auto target = dataset_target(text, flags);
    EXPECT_TRUE(target);
    volume::PrepareOptions options;
    options.location = target->location;
    options.store = target->config;
    const auto made = volume::prepare(target->volume, options);
    EXPECT_TRUE(made) << made.error().to_string();
    return target->volume;
  }

  fs::path root_;
};

TEST_F(TargetTest, a_dataset_lives_in_its_own_default_volume) {
  const auto one = dataset_target(url(), {});
  const auto other = dataset_target(url("/sub"), {});
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->volume.parent_path(), root_ / "volumes");
  EXPECT_NE(one->volume, other->volume);
}

TEST_F(TargetTest, a_url_below_an_indexed_dataset_is_a_path_in_it) {
  const fs::path volume = build(url());
  const auto target = inner_target(url("/sub/file"), {}, /*is_directory=*/false);
  ASSERT_TRUE(target) << target.error().to_string();
  EXPECT_EQ(target->volume, volume);
  EXPECT_EQ(target->path, "sub/file");
}

TEST_F(TargetTest, the_longest_indexed_prefix_wins) {
  build(url());
  const fs::path inner = build(url("/sub"));
  const auto target = inner_target(url("/sub/file"), {}, /*is_directory=*/false);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->volume, inner);
  EXPECT_EQ(target->path, "file");
}

TEST_F(TargetTest, without_an_index_a_file_means_its_directory_and_a_directory_itself) {
  const auto file = inner_target(url("/sub/file"), {}, /*is_directory=*/false);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->location.to_url(), store::parse_location(url("/sub"))->to_url());
  EXPECT_EQ(file->path, "file");
  const auto directory = inner_target(url("/sub"), {}, /*is_directory=*/true);
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->location.to_url(), store::parse_location(url("/sub"))->to_url());
  EXPECT_EQ(directory->path, "");
}

TEST_F(TargetTest, a_bucket_without_a_prefix_is_a_directory_too) {
  const auto target = inner_target("s3://bucket", {}, /*is_directory=*/true);
  ASSERT_TRUE(target) << target.error().to_string();
  EXPECT_EQ(target->location.to_url(), "s3://bucket/");
  EXPECT_EQ(target->path, "");
  const auto object = inner_target("s3://bucket/key", {}, /*is_directory=*/false);
  ASSERT_TRUE(object);
  EXPECT_EQ(object->location.to_url(), "s3://bucket/");
  EXPECT_EQ(object->path, "key");
}

TEST_F(TargetTest, with_a_volume_a_plain_text_is_a_path_in_it) {
  StoreFlags flags;
  flags.volume = build(url());
  const auto target = inner_target("/sub/file/", flags, /*is_directory=*/false);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "sub/file");
  const auto top = inner_target("", flags, /*is_directory=*/true);
  ASSERT_TRUE(top);
  EXPECT_EQ(top->path, "");
}

TEST_F(TargetTest, a_url_outside_the_named_volume_is_refused_naming_both) {
  StoreFlags flags;
  flags.volume = build(url("/sub"));
  const auto target = inner_target("file:///elsewhere/file", flags, /*is_directory=*/false);
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code(), ErrorCode::precondition);
  EXPECT_NE(target.error().message().find("/elsewhere"), std::string::npos);
  EXPECT_NE(target.error().message().find("/data/sub"), std::string::npos);
}

TEST_F(TargetTest, a_directory_that_is_no_volume_is_refused_with_the_forms_that_work) {
  const auto target = dataset_target((root_ / "data").string(), {});
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code(), ErrorCode::not_found);
  EXPECT_NE(target.error().remedy().find("s3://"), std::string::npos);
}

}  // namespace
}  // namespace shoal::tools
