// SPDX-License-Identifier: Apache-2.0
// Goal: a file's identity changes with its bytes; copies are whole wherever they go. Method: real
// files, on two file systems where the machine has them (a copy between ext4 and tmpfs failed with
// EXDEV once: copy_file_range stops at the border of file systems of different kinds).
#include "sys/file_identity.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace shoal::sys {
namespace {

namespace fs = std::filesystem;

class FileIdentityTest : public testing::Test {
 protected:
  FileIdentityTest() { fs::create_directories(here_); }
  ~FileIdentityTest() override { fs::remove_all(here_); }

  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const fs::path here_ =
      fs::temp_directory_path() / ("shoal-identity-test-" + std::to_string(getpid()));
};

TEST_F(FileIdentityTest, a_rewritten_file_is_another_one) {
  write(here_ / "a", "one");
  const auto before = identity_of(here_ / "a");
  ASSERT_TRUE(before);
  EXPECT_EQ(before->size, 3u);
  EXPECT_EQ(*before, *identity_of(here_ / "a"));
  write(here_ / "a", "other");
  EXPECT_NE(*before, *identity_of(here_ / "a"));
}

TEST_F(FileIdentityTest, a_file_renamed_into_place_is_another_one_of_the_same_size) {
  write(here_ / "a", "one");
  const auto before = identity_of(here_ / "a");
  write(here_ / "b", "two");
  fs::last_write_time(here_ / "b", fs::last_write_time(here_ / "a"));
  fs::rename(here_ / "b", here_ / "a");
  EXPECT_NE(*before, *identity_of(here_ / "a"));
}

TEST_F(FileIdentityTest, what_is_no_regular_file_is_refused_without_waiting) {
  ASSERT_EQ(mkfifo((here_ / "fifo").c_str(), 0600), 0);
  for (const fs::path& path : {here_ / "fifo", here_}) {
    const auto opened = open_regular(path);
    ASSERT_FALSE(opened) << path;
    EXPECT_EQ(opened.error().code(), ErrorCode::bad_input);
    EXPECT_EQ(identity_of(path).error().code(), ErrorCode::bad_input);
  }
  EXPECT_EQ(open_regular(here_ / "none").error().code(), ErrorCode::not_found);
}

TEST_F(FileIdentityTest, a_read_stops_at_the_end_of_the_file) {
  write(here_ / "a", "0123456789");
  const auto file = open_regular(here_ / "a");
  ASSERT_TRUE(file);
  std::string target(8, '.');
  EXPECT_EQ(read_up_to(*file, 6, std::as_writable_bytes(std::span(target))).value(), 4u);
  EXPECT_EQ(target, "6789....");
}

TEST_F(FileIdentityTest, a_copy_has_every_byte_on_the_same_and_on_another_file_system) {
  std::string text;
  while (text.size() < (3u << 20) + 17) text += std::to_string(text.size()) + ' ';
  const fs::path shared = "/dev/shm/shoal-identity-test-" + std::to_string(getpid());
  for (const fs::path& from : {here_ / "source", shared}) {
    write(from, text);
    const auto source = open_regular(from);
    ASSERT_TRUE(source);
    const auto target = File::open(here_ / "target", File::Mode::create);
    ASSERT_TRUE(target);
    ASSERT_TRUE(target->resize(0));
    const auto copied = copy_content(*source, *target, text.size());
    EXPECT_TRUE(copied) << copied.error().to_string();
    EXPECT_EQ(read(here_ / "target"), text) << from;
    fs::remove(from);
  }
}

TEST_F(FileIdentityTest, a_copy_of_a_file_that_became_shorter_is_an_error) {
  write(here_ / "a", "short");
  const auto source = open_regular(here_ / "a");
  const auto target = File::open(here_ / "target", File::Mode::create);
  ASSERT_TRUE(source && target);
  EXPECT_EQ(copy_content(*source, *target, 100).error().code(), ErrorCode::corrupt);
}

}  // namespace
}  // namespace shoal::sys
