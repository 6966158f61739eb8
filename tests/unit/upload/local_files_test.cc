// SPDX-License-Identifier: Apache-2.0
// Goal: the walk names every regular file in the order of keys, and everything else with its
// reason. Method: real directories with all kinds of entries.
#include "upload/local_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "unit/sys/temporary_directory.h"

namespace shoal::upload {
namespace {

namespace fs = std::filesystem;
using Reason = SkippedFile::Reason;

class LocalFilesTest : public ::testing::Test {
 protected:
  void make(const std::string& key, const std::string& content = "x") {
    fs::create_directories((directory_.path() / key).parent_path());
    std::ofstream(directory_.path() / key) << content;
  }
  std::vector<std::string> walk(const std::string& below = {}) {
    options_.root = directory_.path();
    skipped_.clear();
    auto files = LocalFiles::open(
        options_, [this](const SkippedFile& skipped) { skipped_.push_back(skipped); }, below);
    EXPECT_TRUE(files);
    std::vector<std::string> keys;
    while (auto file = files->next()) keys.push_back(file->key);
    return keys;
  }
  std::vector<std::string> skipped(Reason reason) const {
    std::vector<std::string> keys;
    for (const SkippedFile& file : skipped_)
      if (file.reason == reason) keys.push_back(file.key);
    return keys;
  }
  testing::TemporaryDirectory directory_;
  LocalOptions options_;
  std::vector<SkippedFile> skipped_;
};

TEST_F(LocalFilesTest, keys_come_in_byte_order_slashes_included) {
  const std::vector<std::string> keys{"a b/x",   "a!",    "a-", "a-b/c",   "a.txt", "a/b",
                                      "a/b.c/d", "a/b/c", "a0", "b\xff/x", "z\nq"};
  for (const auto& key : keys)
    if (key != "a/b") make(key);
  auto expected = keys;
  std::erase(expected, "a/b");  // is a directory here
  std::ranges::sort(expected);
  EXPECT_EQ(walk(), expected);
  EXPECT_EQ(walk("a/"), (std::vector<std::string>{"a/b.c/d", "a/b/c"}));
}

TEST_F(LocalFilesTest, what_is_no_file_is_named_with_its_reason) {
  make("file");
  fs::create_symlink("file", directory_ / "link");
  fs::create_symlink("nowhere", directory_ / "broken");
  ASSERT_EQ(mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(walk(), (std::vector<std::string>{"file"}));
  auto links = skipped(Reason::link);
  std::ranges::sort(links);
  EXPECT_EQ(links, (std::vector<std::string>{"broken", "link"}));
  EXPECT_EQ(skipped(Reason::special), (std::vector<std::string>{"fifo"}));
  options_.follow_links = true;
  EXPECT_EQ(walk(), (std::vector<std::string>{"file", "link"}));
  EXPECT_EQ(skipped(Reason::unreadable), (std::vector<std::string>{"broken"}));
}

TEST_F(LocalFilesTest, links_in_a_circle_end) {
  make("d/file");
  fs::create_symlink("..", directory_ / "d/up");
  options_.follow_links = true;
  EXPECT_EQ(walk(), (std::vector<std::string>{"d/file"}));
  EXPECT_EQ(skipped(Reason::loop), (std::vector<std::string>{"d/up/"}));
}

TEST_F(LocalFilesTest, names_that_make_no_key_are_errors) {
  options_.key_bytes_max = 8;
  make("short");
  make("much-too-long");
  EXPECT_EQ(walk(), (std::vector<std::string>{"short"}));
  ASSERT_EQ(skipped(Reason::bad_name).size(), 1u);
  EXPECT_TRUE(skipped_.front().is_error());
  make(std::string(255, 'n'));
  options_.key_bytes_max = 1024;
  EXPECT_EQ(walk().size(), 3u);
}

TEST_F(LocalFilesTest, what_may_not_be_read_is_an_error) {
  make("closed/file");
  make("file");
  constexpr uid_t kNobody = 65534;
  const bool is_root = geteuid() == 0;  // who may read everything
  if (is_root) fs::permissions(directory_ / "", fs::perms::all);
  fs::permissions(directory_ / "closed", fs::perms::none);
  fs::permissions(directory_ / "file", fs::perms::none);
  ASSERT_EQ(is_root ? setresuid(kNobody, kNobody, 0) : 0, 0);
  EXPECT_TRUE(walk().empty());
  ASSERT_EQ(is_root ? setresuid(0, 0, 0) : 0, 0);
  EXPECT_EQ(skipped(Reason::unreadable), (std::vector<std::string>{"closed/", "file"}));
  fs::permissions(directory_ / "closed", fs::perms::owner_all);
}

TEST_F(LocalFilesTest, the_root_must_be_a_directory) {
  make("file");
  options_.root = directory_ / "file";
  const auto file = LocalFiles::open(options_, [](const auto&) {});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::bad_input);
  options_.root = directory_ / "missing";
  const auto missing = LocalFiles::open(options_, [](const auto&) {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace shoal::upload
