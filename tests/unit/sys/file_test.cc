// SPDX-License-Identifier: Apache-2.0
// Goal: files keep what they promise across crashes, and errors name the file, the cause and a way
// out. Method: a temporary directory; crashes are children that leave by _exit in the middle of the
// work.

#include "sys/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "temporary_directory.h"

namespace shoal::sys {
namespace {

using testing::TemporaryDirectory;

std::size_t count_entries(const std::filesystem::path& directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

TEST(File, what_is_written_is_read_back_and_a_short_file_is_corrupt) {
  const TemporaryDirectory directory;
  const auto file = File::open(directory / "f", File::Mode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write_at(10, as_bytes("hello")));
  EXPECT_EQ(file->size().value_or(0), 15u);
  std::array<std::byte, 5> target{};
  ASSERT_TRUE(file->read_at(10, target));
  EXPECT_EQ(as_text(target), "hello");
  const auto past_end = file->read_at(12, target);
  ASSERT_FALSE(past_end);
  EXPECT_EQ(past_end.error().code(), ErrorCode::corrupt);
  EXPECT_NE(past_end.error().message().find((directory / "f").string()), std::string::npos);
}

TEST(File, opening_a_missing_file_names_it_and_is_not_found) {
  const auto file = File::open("/nowhere/at/all", File::Mode::read_only);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::not_found);
  EXPECT_NE(file.error().message().find("/nowhere/at/all"), std::string::npos);
  EXPECT_FALSE(file.error().remedy().empty());
}

TEST(File, punching_a_hole_frees_blocks_and_keeps_the_size) {
  const TemporaryDirectory directory;
  const auto file = File::open(directory / "f", File::Mode::create);
  ASSERT_TRUE(file);
  const std::vector<std::byte> megabyte(1 << 20, std::byte{7});
  ASSERT_TRUE(file->write_at(0, megabyte));
  ASSERT_TRUE(file->sync());
  EXPECT_GE(file->allocated_bytes().value_or(0), 1u << 20);
  ASSERT_TRUE(file->punch_hole(0, 1 << 19));
  EXPECT_LT(file->allocated_bytes().value_or(1 << 20), 1u << 20);
  EXPECT_EQ(file->size().value_or(0), 1u << 20);
  std::array<std::byte, 4> target{};
  ASSERT_TRUE(file->read_at(0, target));
  EXPECT_EQ(target[0], std::byte{0});
  EXPECT_TRUE(file->punch_hole(0, 0));
}

TEST(ErrnoError, each_errno_a_caller_branches_on_has_its_code) {
  const std::vector<std::pair<int, ErrorCode>> table = {
      {ENOENT, ErrorCode::not_found}, {EACCES, ErrorCode::permission},
      {EPERM, ErrorCode::permission}, {ENOSPC, ErrorCode::no_space},
      {EDQUOT, ErrorCode::no_space},  {ETIMEDOUT, ErrorCode::timeout},
      {EIO, ErrorCode::io},           {EBADF, ErrorCode::io},
  };
  for (const auto& [number, code] : table)
    EXPECT_EQ(errno_error(number, "x").code(), code) << number;
  EXPECT_EQ(errno_error(ENOSPC, "pwrite /v/data").message(),
            "pwrite /v/data: No space left on device");
}

TEST(StagedFile, commit_replaces_the_target_and_leaves_nothing_else) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_text_file(directory / "f", "old"));
  ASSERT_TRUE(write_text_file(directory / "f", "new"));
  EXPECT_EQ(read_text_file(directory / "f", 100).value_or(""), "new");
  EXPECT_EQ(count_entries(directory.path()), 1u);
}

TEST(StagedFile, without_commit_the_target_stays_as_it_was) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_text_file(directory / "f", "old"));
  {
    auto staged = StagedFile::create(directory / "f");
    ASSERT_TRUE(staged);
    ASSERT_TRUE(staged->file().write_at(0, as_bytes("half")));
    const StagedFile moved = std::move(*staged);
    EXPECT_EQ(count_entries(directory.path()), 2u);
  }
  EXPECT_EQ(read_text_file(directory / "f", 100).value_or(""), "old");
  EXPECT_EQ(count_entries(directory.path()), 1u);
}

TEST(StagedFile, a_crash_before_commit_keeps_the_old_file_and_the_next_stage_cleans_up) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_text_file(directory / "f", "old"));
  const pid_t child = fork();
  if (child == 0) {
    auto staged = StagedFile::create(directory / "f");
    const bool written = staged && staged->file().write_at(0, as_bytes("half"));
    _exit(written ? 0 : 1);  // no destructor runs, as after kill -9
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(count_entries(directory.path()), 2u);
  EXPECT_EQ(read_text_file(directory / "f", 100).value_or(""), "old");
  ASSERT_TRUE(write_text_file(directory / "f", "new"));
  EXPECT_EQ(read_text_file(directory / "f", 100).value_or(""), "new");
  EXPECT_EQ(count_entries(directory.path()), 1u);
}

TEST(StagedFile, two_at_once_for_one_target_do_not_take_each_other_for_leftovers) {
  const TemporaryDirectory directory;
  auto first = StagedFile::create(directory / "f");
  auto second = StagedFile::create(directory / "f");
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(first->file().write_at(0, as_bytes("1")));
  ASSERT_TRUE(second->file().write_at(0, as_bytes("2")));
  EXPECT_TRUE(first->commit());
  EXPECT_TRUE(second->commit());
  EXPECT_EQ(read_text_file(directory / "f", 100).value_or(""), "2");
}

TEST(StagedFile, a_name_as_long_as_the_kernel_takes_can_be_staged) {
  const TemporaryDirectory directory;
  const auto target = directory.path() / std::string(255, 'n');
  auto staged = StagedFile::create(target);
  ASSERT_TRUE(staged) << staged.error().to_string();
  ASSERT_TRUE(staged->commit());
  EXPECT_TRUE(std::filesystem::exists(target));
}

TEST(LockFile, a_second_holder_is_told_who_has_it) {
  const TemporaryDirectory directory;
  int ready[2];
  int leave[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(leave), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(leave[1]);
    auto lock = LockFile::acquire(directory / "lock");
    char c = lock ? 'y' : 'n';
    if (write(ready[1], &c, 1) != 1 || read(leave[0], &c, 1) != 0) _exit(1);
    _exit(0);
  }
  close(leave[0]);
  char c = 0;
  ASSERT_EQ(read(ready[0], &c, 1), 1);
  ASSERT_EQ(c, 'y');
  const auto second = LockFile::acquire(directory / "lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::precondition);
  const std::string& message = second.error().message();
  EXPECT_NE(message.find("process " + std::to_string(child)), std::string::npos) << message;
  EXPECT_NE(message.find("sys_test"), std::string::npos) << message;
  close(leave[1]);
  close(ready[0]);
  close(ready[1]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(LockFile::acquire(directory / "lock"));  // a dead holder's lock is free
}

TEST(LockFile, one_its_holder_removed_is_no_lock_for_who_had_opened_it) {
  const TemporaryDirectory directory;
  // Two that acquire and remove it by turns: were an unlinked file ever a lock, both would have it.
  std::atomic<int> holders{0};
  std::atomic<int> most{0};
  const auto work = [&] {
    for (int turns = 0; turns < 2000;) {
      const auto lock = LockFile::acquire(directory / "lock");
      if (!lock) continue;
      ++turns;
      most = std::max(most.load(), ++holders);
      for (int i = 0; i < 10; ++i)
        std::this_thread::yield();  // time for the other to believe it has the lock, too
      --holders;
      std::filesystem::remove(directory / "lock");
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(most, 1);
}

TEST(LockFile, who_only_looks_is_in_nobodys_way) {
  const TemporaryDirectory directory;
  { ASSERT_TRUE(LockFile::acquire(directory / "lock")); }
  std::atomic<bool> over{false};
  std::thread looker([&] {
    while (!over) [[maybe_unused]] const bool is_held = LockFile::is_held(directory / "lock");
  });
  int refused = 0;
  for (int i = 0; i < 20'000; ++i)
    if (!LockFile::acquire(directory / "lock")) ++refused;
  over = true;
  looker.join();
  EXPECT_EQ(refused, 0);
}

TEST(TextFile, a_longer_file_than_expected_is_refused_and_proc_files_are_read_whole) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_text_file(directory / "f", std::string(100, 'x')));
  EXPECT_EQ(read_text_file(directory / "f", 100).value_or("").size(), 100u);
  const auto refused = read_text_file(directory / "f", 99);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::limit);
  EXPECT_FALSE(read_text_file("/proc/self/status", 1 << 20).value_or("").empty());
}

TEST(Directories, are_made_with_their_parents_and_a_file_in_the_way_is_an_error) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(make_directories(directory.path() / "a/b/c"));
  EXPECT_TRUE(make_directories(directory.path() / "a/b/c"));
  ASSERT_TRUE(write_text_file(directory / "f", ""));
  EXPECT_FALSE(make_directories(directory.path() / "f"));
  EXPECT_GT(free_bytes(directory.path()).value_or(0), 0u);
}

TEST(Descriptors, have_room_at_once_and_never_beyond_the_limit) {
  const auto room = [] {
    std::ifstream status("/proc/self/status");
    unsigned size = 0;
    for (std::string word; status >> word;)
      if (word == "FDSize:") status >> size;
    return size;
  };
  const unsigned wanted = 2 * room() + 1;
  reserve_descriptors(wanted);
  EXPECT_GE(room(), wanted);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit low{wanted, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  reserve_descriptors(100 * wanted);
  EXPECT_LT(room(), 100 * wanted);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

}  // namespace
}  // namespace shoal::sys
