// SPDX-License-Identifier: Apache-2.0
// Goal: what happens in a watched directory is told, in order, and who writes a file can be found
// out. Method: real files in a temporary directory, the kernel's own events and leases.
#include "sys/inotify.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sys/file_status.h"
#include "temporary_directory.h"

namespace shoal::sys {
namespace {

using namespace std::chrono_literals;
using Kind = DirectoryEvent::Kind;
namespace fs = std::filesystem;

class InotifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto created = Inotify::create();
    ASSERT_TRUE(created) << created.error().to_string();
    watches_ = std::move(*created);
  }
  std::vector<Kind> kinds() {
    std::vector<Kind> kinds;
    const auto events = watches_->read(1s).value();
    for (const auto& event : events) kinds.push_back(event.kind);
    return kinds;
  }
  testing::TemporaryDirectory directory_;
  std::unique_ptr<Inotify> watches_;
};

TEST_F(InotifyTest, a_file_that_is_written_is_created_modified_and_closed) {
  const int watch = watches_->add(directory_.path()).value();
  std::ofstream(directory_ / "a") << "x";
  const auto events = watches_->read(1s).value();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].kind, Kind::created);
  EXPECT_EQ(events[1].kind, Kind::modified);
  EXPECT_EQ(events[2].kind, Kind::closed);
  for (const auto& event : events) {
    EXPECT_EQ(event.name, "a");
    EXPECT_EQ(event.watch, watch);
    EXPECT_FALSE(event.is_directory);
  }
}

TEST_F(InotifyTest, names_that_come_and_go_are_told) {
  fs::create_directory(directory_ / "in");
  std::ofstream(directory_ / "a") << "x";
  ASSERT_TRUE(watches_->add(directory_ / "in"));
  fs::rename(directory_ / "a", directory_ / "in/a");
  fs::create_directory(directory_ / "in/d");
  fs::rename(directory_ / "in/a", directory_ / "b");
  fs::remove(directory_ / "in/d");
  EXPECT_EQ(kinds(), (std::vector{Kind::moved_in, Kind::created, Kind::moved_out, Kind::deleted}));
}

TEST_F(InotifyTest, the_end_of_a_directory_is_told_and_is_its_last_event) {
  fs::create_directory(directory_ / "d");
  ASSERT_TRUE(watches_->add(directory_ / "d"));
  fs::rename(directory_ / "d", directory_ / "e");
  fs::remove(directory_ / "e");
  EXPECT_EQ(kinds(), (std::vector{Kind::moved_away, Kind::gone, Kind::watch_ended}));
}

TEST_F(InotifyTest, a_removed_watch_says_nothing_more) {
  const int watch = watches_->add(directory_.path()).value();
  EXPECT_EQ(watches_->add(directory_.path()).value(), watch) << "one watch for one directory";
  watches_->remove(watch);
  watches_->remove(watch);
  std::ofstream(directory_ / "a") << "x";
  EXPECT_EQ(kinds(), (std::vector{Kind::watch_ended}));
}

TEST_F(InotifyTest, what_is_no_directory_cannot_be_watched) {
  std::ofstream(directory_ / "a") << "x";
  EXPECT_FALSE(watches_->add(directory_ / "a"));
  const auto missing = watches_->add(directory_ / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  EXPECT_NE(missing.error().message().find("missing"), std::string::npos);
}

TEST_F(InotifyTest, a_wake_ends_the_wait_and_an_empty_wait_ends_by_itself) {
  watches_->wake();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(watches_->read(1h).value().empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_TRUE(watches_->read(1ms).value().empty());
}

TEST_F(InotifyTest, lost_events_are_told) {
  std::ifstream queued("/proc/sys/fs/inotify/max_queued_events");
  int most = 0;
  ASSERT_TRUE(queued >> most);
  if (most > 100'000) GTEST_SKIP() << "the queue of this machine is too long to fill";
  ASSERT_TRUE(watches_->add(directory_.path()));
  const auto path = directory_ / "a";
  for (int i = 0; i <= most / 2; ++i) {
    ASSERT_EQ(::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    ASSERT_EQ(::unlink(path.c_str()), 0);
  }
  bool has_overflown = false;
  for (auto events = watches_->read(0s).value(); !events.empty();
       events = watches_->read(0s).value())
    has_overflown = has_overflown || events.back().kind == Kind::overflow;
  EXPECT_TRUE(has_overflown);
}

TEST(FileStatus, it_tells_kinds_apart_and_notices_every_change) {
  const testing::TemporaryDirectory directory;
  std::ofstream(directory / "a") << "x";
  fs::create_symlink("a", directory / "link");
  const auto before = file_status(directory / "a", false).value();
  EXPECT_EQ(before.kind, FileStatus::Kind::file);
  EXPECT_EQ(before.size, 1u);
  EXPECT_EQ(file_status(directory / "link", false)->kind, FileStatus::Kind::link);
  EXPECT_TRUE(file_status(directory / "link", true)->is_same_content(before));
  fs::last_write_time(directory / "a", fs::file_time_type::clock::now() + 1h);
  EXPECT_FALSE(file_status(directory / "a", false)->is_same_content(before));
  EXPECT_EQ(file_status(directory / "none", false).error().code(), ErrorCode::not_found);
  EXPECT_EQ(directory_names(directory.path())->size(), 2u);
}

TEST(Writers, an_open_writer_is_seen_and_a_reader_is_not) {
  const testing::TemporaryDirectory directory;
  const auto path = directory / "a";
  std::ofstream(path) << "x";
  const auto first = writers_of(path);
  ASSERT_TRUE(first) << first.error().to_string();
  if (*first == Writers::not_known) GTEST_SKIP() << "no leases on this file system";
  EXPECT_EQ(*first, Writers::none);
  {
    const Fd reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(*writers_of(path), Writers::none);
    const Fd writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_EQ(*writers_of(path), Writers::some);
  }
  EXPECT_EQ(*writers_of(path), Writers::none);
}

TEST(Writers, a_mapping_that_can_be_written_is_a_writer) {
  const testing::TemporaryDirectory directory;
  const auto path = directory / "a";
  std::ofstream(path) << "x";
  if (*writers_of(path) == Writers::not_known) GTEST_SKIP() << "no leases on this file system";
  void* mapped = nullptr;
  {
    const Fd writer(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    mapped = mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
    ASSERT_NE(mapped, MAP_FAILED);
  }
  EXPECT_EQ(*writers_of(path), Writers::some);
  munmap(mapped, 1);
  EXPECT_EQ(*writers_of(path), Writers::none);
}

TEST(UnlinkUnchanged, only_the_very_file_goes) {
  const testing::TemporaryDirectory directory;
  const auto path = directory / "a";
  std::ofstream(path) << "x";
  const auto seen = file_status(path, false).value();
  std::ofstream(directory / "b") << "x";
  fs::rename(directory / "b", path);
  EXPECT_FALSE(unlink_unchanged(path, seen).value()) << "another file under the name";
  const auto second = file_status(path, false).value();
  if (*writers_of(path) != Writers::not_known) {
    const Fd writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_FALSE(unlink_unchanged(path, second).value()) << "somebody is about to write";
  }
  EXPECT_TRUE(unlink_unchanged(path, second).value());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(unlink_unchanged(path, second).error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace shoal::sys
