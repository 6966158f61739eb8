// SPDX-License-Identifier: Apache-2.0
// Goal: a mount is shown at a directory somebody else named, there and nowhere else, read-only from
// its first moment; links, files and what is in a directory are respected.
// Method: tmpfs mounts in a mount namespace of the test's own.

#include "sys/directory_mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "sys/mount.h"
#include "temporary_directory.h"

namespace shoal::sys {
namespace {

using testing::TemporaryDirectory;
namespace fs = std::filesystem;

class NamedDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static const bool is_private = unshare(CLONE_NEWNS) == 0 &&
                                   ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (!is_private) GTEST_SKIP() << "no right to make a mount namespace";
    fs::create_directories(source());
    ASSERT_EQ(::mount("tmpfs", source().c_str(), "tmpfs", 0, "size=64k"), 0);
    std::ofstream(source() / "hello") << "world";
  }
  void TearDown() override {
    if (fs::exists(source() / "hello")) umount2(source().c_str(), MNT_DETACH);
  }
  fs::path source() { return home_ / "source"; }
  static NamedDirectory opened(const fs::path& path) {
    auto directory = NamedDirectory::open(path);
    EXPECT_TRUE(directory) << directory.error().to_string();
    return std::move(*directory);
  }
  static std::string options_of(const fs::path& path) {
    const auto mounts = read_mounts();
    if (!mounts) return "";
    for (const auto& entry : *mounts)
      if (entry.mount_point == path) return entry.options;
    return "";
  }
  TemporaryDirectory home_;
};

TEST_F(NamedDirectoryTest, a_mount_appears_read_only_and_goes_again) {
  const fs::path target = home_ / "target";
  const auto directory = opened(target);
  EXPECT_FALSE(directory.exists());
  EXPECT_TRUE(directory.make().value());
  EXPECT_FALSE(directory.make().value()) << "it is there";
  EXPECT_TRUE(directory.is_empty().value());
  ASSERT_TRUE(directory.bind_read_only(source()));
  EXPECT_TRUE(fs::exists(target / "hello"));
  EXPECT_TRUE(options_of(target).starts_with("ro,nosuid,nodev")) << options_of(target);
  EXPECT_EQ(::open((target / "new").c_str(), O_CREAT | O_WRONLY, 0600), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(directory.remove().error().code(), ErrorCode::precondition) << "something is mounted";
  ASSERT_TRUE(directory.unmount());
  EXPECT_EQ(directory.unmount().error().code(), ErrorCode::not_found);
  ASSERT_TRUE(directory.remove());
  ASSERT_TRUE(directory.remove()) << "again";
  EXPECT_FALSE(fs::exists(target));
  std::ofstream(source() / "more") << "still writable at its source";
  EXPECT_TRUE(fs::exists(source() / "more"));
}

TEST_F(NamedDirectoryTest, one_in_use_goes_out_of_sight) {
  const auto directory = opened(home_ / "target");
  ASSERT_TRUE(directory.make());
  ASSERT_TRUE(directory.bind_read_only(source()));
  const Fd user(::open((home_ / "target").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(directory.unmount());
  EXPECT_EQ(options_of(home_ / "target"), "");
  EXPECT_TRUE(directory.remove());
}

TEST_F(NamedDirectoryTest, links_files_and_full_directories_are_left_alone) {
  fs::create_directories(home_ / "full");
  std::ofstream(home_ / "full/file") << "x";
  std::ofstream(home_ / "file") << "x";
  fs::create_directory_symlink(home_ / "full", home_ / "link");
  for (const char* name : {"file", "link"}) {
    const auto directory = opened(home_ / name);
    EXPECT_EQ(directory.make().error().code(), ErrorCode::precondition) << name;
    EXPECT_EQ(directory.is_empty().error().code(), ErrorCode::precondition) << name;
    EXPECT_EQ(directory.bind_read_only(source()).error().code(), ErrorCode::precondition) << name;
    EXPECT_EQ(directory.remove().error().code(), ErrorCode::precondition) << name;
    EXPECT_TRUE(fs::is_symlink(home_ / "link"));
  }
  const auto full = opened(home_ / "full");
  EXPECT_FALSE(full.is_empty().value());
  EXPECT_EQ(full.remove().error().code(), ErrorCode::precondition);
  EXPECT_TRUE(fs::exists(home_ / "full/file"));
}

TEST_F(NamedDirectoryTest, a_link_above_the_name_is_followed_once) {
  fs::create_directories(home_ / "real");
  fs::create_directories(home_ / "trap");
  fs::create_directory_symlink(home_ / "real", home_ / "alias");
  const auto directory = opened(home_ / "alias/target");
  EXPECT_EQ(directory.canonical(), fs::canonical(home_ / "real") / "target");
  ASSERT_TRUE(directory.make());
  fs::remove(home_ / "alias");
  fs::create_directory_symlink(home_ / "trap", home_ / "alias");
  ASSERT_TRUE(directory.bind_read_only(source()));
  EXPECT_TRUE(fs::exists(home_ / "real/target/hello"));
  EXPECT_TRUE(fs::is_empty(home_ / "trap"));
  ASSERT_TRUE(directory.unmount());
}

TEST_F(NamedDirectoryTest, names_that_are_not_plain_are_refused) {
  for (const char* path :
       {"", "relative", "/", "/a/../b", "/tmp//x", "/tmp/x/", "/tmp/./x", "/tmp/.."}) {
    const auto directory = NamedDirectory::open(path);
    ASSERT_FALSE(directory) << path;
    EXPECT_EQ(directory.error().code(), ErrorCode::bad_input) << path;
  }
  EXPECT_EQ(NamedDirectory::open(home_ / "no/parent").error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace shoal::sys
