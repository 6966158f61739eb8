// SPDX-License-Identifier: Apache-2.0
// Goal: every file of a watched directory is sent once it is whole, never before, and none is
// missed, whatever happens to files, directories, events and the uploader. Method: real directories
// and the kernel's own events, an uploader that records, an empty bucket. Events can be lost and
// watches refused through the interface of sys/inotify.h.
#include "upload/watcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <thread>

#include "fake_uploader.h"
#include "unit/sys/temporary_directory.h"

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Kind = WatchEvent::Kind;

// Inotify that loses events and refuses watches when told to. synchronized like what it wraps.
class WeakWatches final : public sys::DirectoryWatches {
 public:
  WeakWatches() : inner_(sys::Inotify::create().value()) {}
  std::atomic<bool> lose_all{false};  // an overflow comes in place of what is lost
  std::atomic<int> watches_max{1 << 20};

  Result<int> add(const fs::path& directory) override {
    if (count_ >= watches_max)
      return fail(ErrorCode::limit, "watch " + directory.string() + ": no more watches");
    auto added = inner_->add(directory);
    if (added) ++count_;
    return added;
  }
  void remove(int watch) override { inner_->remove(watch); }
  Result<std::vector<sys::DirectoryEvent>> read(Duration wait_max) override {
    auto events = inner_->read(wait_max);
    if (events && !events->empty() && lose_all.load()) {
      events->clear();
      events->push_back({.kind = sys::DirectoryEvent::Kind::overflow});
    }
    return events;
  }
  void wake() override { inner_->wake(); }

 private:
  std::unique_ptr<sys::Inotify> inner_;
  std::atomic<int> count_{0};
};

class WatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.sync.local.root = directory_.path();
    options_.settle = 50ms;
    options_.rescan_interval = 50ms;
    options_.stop_timeout = 200ms;
  }
  void TearDown() override { stop(); }

  void start() {
    stop_ = false;
    watcher_.emplace(options_, list_, watches_, [this](const WatchEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.emplace_back(event.kind, event.key);
    });
    thread_ = std::jthread([this] { result_.emplace(watcher_->run(uploader_, stop_)); });
    if (page_error_.empty() && !options_.once) until([&] { return saw(Kind::ready); });
  }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // The test's own lists name what it wrote; another bucket is of no use here.
  void until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it never happened";
      std::this_thread::yield();
    }
  }
  void until_sent(const std::string& key, const std::string& content) {
    until([&] {
      const auto bucket = uploader_.bucket();
      const auto found = bucket.find(key);
      return found != bucket.end() && found->second == content;
    });
  }
  bool saw(Kind kind, const std::string& key = {}) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(events_, [&](const auto& event) {
      return event.first == kind && (key.empty() || event.second == key);
    });
  }
  void write(const std::string& key, const std::string& content) {
    std::ofstream(directory_.path() / key, std::ios::binary) << content;
  }
  void pass_time(Duration time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
  }

  testing::TemporaryDirectory directory_;
  WatchOptions options_;
  std::mutex page_mutex_;
  store::ListPage page_;
  std::string page_error_;
  ListPages list_ = [this](const store::ListRequest&) -> Result<store::ListPage> {
    const std::lock_guard lock(page_mutex_);
    if (!page_error_.empty()) return fail(ErrorCode::not_found, page_error_);
    return page_;
  };
  WeakWatches watches_;
  std::optional<Watcher> watcher_;
  testing::FakeUploader uploader_{
      [this](const UploadEvent& event) { watcher_->on_upload_event(event); }};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<std::pair<Kind, std::string>> events_;
  std::optional<Result<WatchSummary>> result_;
  std::jthread thread_;
};

TEST_F(WatcherTest, what_is_there_and_what_comes_is_sent) {
  write("old", "1");
  start();
  until_sent("old", "1");
  write("new", "2");
  until_sent("new", "2");
  write("new", "3");
  until_sent("new", "3");
  write("empty", "");
  until_sent("empty", "");
  stop();
  ASSERT_TRUE(*result_);
  EXPECT_EQ((*result_)->sent, 4u);
  EXPECT_EQ((*result_)->left, 0u);
}

TEST_F(WatcherTest, a_file_renamed_into_place_is_sent_under_its_last_name) {
  fs::create_directory(directory_ / "elsewhere");
  options_.sync.local.root = directory_ / "root";
  fs::create_directory(directory_ / "root");
  start();
  write("elsewhere/tmp", "1");
  fs::rename(directory_ / "elsewhere/tmp", directory_ / "root/name");
  until_sent("name", "1");
  fs::rename(directory_ / "root/name", directory_ / "root/other");
  until_sent("other", "1");
  EXPECT_EQ(uploader_.removed().size(), 0u) << "objects never go";
}

TEST_F(WatcherTest, a_link_made_to_a_whole_file_is_sent) {
  write("a", "1");
  start();
  until_sent("a", "1");
  fs::create_hard_link(directory_ / "a", directory_ / "b");
  until_sent("b", "1");
}

TEST_F(WatcherTest, a_file_being_written_waits_however_long_it_takes) {
  start();
  {
    const sys::Fd writer(::open((directory_ / "a").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(::write(writer.get(), "x", 1), 1);
      pass_time(150ms);  // three times the time of settling
      EXPECT_EQ(uploader_.bucket().size(), 0u);
    }
  }
  until_sent("a", "xxx");
  EXPECT_EQ(uploader_.sent_count("a"), 1u);
}

TEST_F(WatcherTest, a_writer_that_comes_back_before_it_settled_is_waited_for) {
  start();
  for (int i = 0; i < 10; ++i) {
    std::ofstream(directory_ / "a", std::ios::app) << "x";
    pass_time(10ms);
  }
  until_sent("a", std::string(10, 'x'));
}

TEST_F(WatcherTest, a_file_that_is_written_while_it_is_with_the_uploader_is_taken_back) {
  uploader_.send_at_once(false);
  start();
  write("a", "1");
  until([&] { return !uploader_.pending().empty(); });
  {
    std::ofstream writer(directory_ / "a", std::ios::app);
    writer << "2" << std::flush;
    until([&] { return uploader_.discarded() == 1; });
    pass_time(150ms);
    EXPECT_TRUE(uploader_.pending().empty()) << "half of what is to come";
    writer << "3";
  }
  until([&] { return !uploader_.pending().empty(); });
  uploader_.send_all();
  until_sent("a", "123");
  EXPECT_EQ(uploader_.sent_count("a"), 1u);
}

TEST_F(WatcherTest, directories_that_are_made_quickly_are_missed_nowhere) {
  start();
  std::size_t count = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string path = "d" + std::to_string(i) + "/e/f/g";
    fs::create_directories(directory_.path() / path);
    for (const char* name : {"/1", "/../2", "/../../3", "/../../../4"}) {
      write(path + name, "x");
      ++count;
    }
  }
  until([&] { return uploader_.bucket().size() == count; });
  EXPECT_EQ(uploader_.bucket().count("d7/e/f/g/1"), 1u);
}

TEST_F(WatcherTest, a_directory_moved_in_is_sent_and_one_moved_away_is_forgotten) {
  fs::create_directory(directory_ / "root");
  fs::create_directories(directory_ / "elsewhere/deep");
  write("elsewhere/deep/a", "1");
  options_.sync.local.root = directory_ / "root";
  start();
  fs::rename(directory_ / "elsewhere", directory_ / "root/here");
  until_sent("here/deep/a", "1");
  fs::rename(directory_ / "root/here", directory_ / "root/there");
  until_sent("there/deep/a", "1");
  write("root/there/deep/b", "2");
  until_sent("there/deep/b", "2");
  fs::rename(directory_ / "root/there", directory_ / "away");
  write("root/mark", "m");
  until_sent("mark", "m");
  write("away/deep/c", "3");
  write("root/mark2", "m");
  until_sent("mark2", "m");
  EXPECT_EQ(uploader_.bucket().count("there/deep/c"), 0u);
  EXPECT_EQ(uploader_.bucket().count("here/deep/b"), 0u);
}

TEST_F(WatcherTest, names_of_any_bytes_are_keys) {
  start();
  for (const std::string name : {"new\nline", "not\xffutf8", " ", "-rf"}) {
    write(name, "x");
    until_sent(name, "x");
  }
  const std::string longest(255, 'n');
  write(longest, "x");
  until_sent(longest, "x");
}

TEST_F(WatcherTest, filters_hold_for_events_too) {
  ASSERT_TRUE(options_.sync.local.filter.add(NameFilter::Effect::exclude, "*.tmp"));
  start();
  write("a.tmp", "1");
  write("a", "1");
  until_sent("a", "1");
  write("b", "1");
  until_sent("b", "1");
  EXPECT_EQ(uploader_.bucket().size(), 2u);
}

TEST_F(WatcherTest, what_is_not_sent_is_named_also_when_it_comes_later) {
  options_.sync.local.key_bytes_max = 10;
  write("a", "1");
  start();
  fs::create_symlink("a", directory_ / "link");
  until([&] { return saw(Kind::skipped, "link"); });
  write("longer-than-that", "1");
  until([&] { return saw(Kind::skipped, "longer-than-that"); });
}

TEST_F(WatcherTest, work_of_an_earlier_process_is_taken_back_when_the_file_is_being_written) {
  uploader_.send_at_once(false);
  write("a", "1");
  write("b", "1");
  for (const char* key : {"a", "b"})
    ASSERT_TRUE(uploader_.put_object_from_file(key, directory_ / key, {}));
  {
    std::ofstream writer(directory_ / "a", std::ios::app);
    start();
    EXPECT_EQ(uploader_.discarded(), 1u);
    writer << "2";
  }
  uploader_.send_at_once(true);
  until_sent("a", "12");
  EXPECT_EQ(uploader_.sent_count("a"), 1u);
}

TEST_F(WatcherTest, after_lost_events_everything_is_compared) {
  start();
  watches_.lose_all = true;
  fs::create_directories(directory_ / "new/dir");
  write("new/dir/a", "1");
  write("b", "2");
  until_sent("b", "2");
  until_sent("new/dir/a", "1");
  until([&] { return saw(Kind::compared); });
  watches_.lose_all = false;
  write("new/dir/c", "3");
  until_sent("new/dir/c", "3");
  stop();
  EXPECT_GE((*result_)->overflows, 1u);
}

TEST_F(WatcherTest, without_watches_directories_are_scanned) {
  fs::create_directories(directory_ / "d/e");
  write("d/old", "1");
  watches_.watches_max = 1;
  start();
  EXPECT_TRUE(saw(Kind::unwatched, "d/"));
  until_sent("d/old", "1");
  write("d/e/a", "1");
  until_sent("d/e/a", "1");
  write("d/e/a", "22");
  until_sent("d/e/a", "22");
  fs::create_directory(directory_ / "late");
  write("late/b", "3");
  until_sent("late/b", "3");
  watches_.watches_max = 100;
  write("d/e/c", "4");
  until_sent("d/e/c", "4");
}

TEST_F(WatcherTest, a_full_uploader_keeps_the_feeder_waiting_and_no_event_is_lost) {
  start();
  uploader_.set_full(true);
  for (int i = 0; i < 100; ++i) write(std::to_string(i), "x");
  pass_time(200ms);
  write("99", "changed");
  uploader_.set_full(false);
  until([&] { return uploader_.bucket().size() == 100; });
  until_sent("99", "changed");
}

TEST_F(WatcherTest, a_restart_sends_nothing_twice) {
  write("a", "1");
  start();
  until_sent("a", "1");
  stop();
  page_.objects.push_back(
      {.key = "a", .size = 1, .mtime = 1, .etag = uploader_.last_sent("a")->etag});
  events_.clear();
  start();
  write("b", "2");
  until_sent("b", "2");
  EXPECT_EQ(uploader_.sent_count("a"), 1u);
}

TEST_F(WatcherTest, delete_after_deletes_what_was_sent) {
  options_.delete_after = true;
  write("a", "1");
  start();
  until([&] { return saw(Kind::deleted, "a"); });
  EXPECT_FALSE(fs::exists(directory_ / "a"));
  EXPECT_EQ(uploader_.bucket()["a"], "1");
  write("a", "2");
  until([&] { return uploader_.bucket()["a"] == "2" && !fs::exists(directory_ / "a"); });
}

TEST_F(WatcherTest, delete_after_never_deletes_what_the_bucket_does_not_have) {
  options_.delete_after = true;
  uploader_.send_at_once(false);
  start();
  write("a", "1");
  until([&] { return !uploader_.pending().empty(); });
  // Replaced by rename between the reading and the outcome: neither size nor name tells.
  uploader_.send_at_once(true);
  write("b.tmp", "2");
  fs::rename(directory_ / "b.tmp", directory_ / "a");
  uploader_.send_all();
  until([&] { return !fs::exists(directory_ / "a"); });
  EXPECT_EQ(uploader_.bucket()["a"], "2");
}

TEST_F(WatcherTest, delete_after_goes_on_after_a_crash_between_outcome_and_unlink) {
  write("a", "1");
  start();
  until_sent("a", "1");
  stop();
  page_.objects.push_back(
      {.key = "a", .size = 1, .mtime = 1, .etag = uploader_.last_sent("a")->etag});
  options_.delete_after = true;
  events_.clear();
  start();
  until([&] { return saw(Kind::deleted, "a"); });
  EXPECT_EQ(uploader_.sent_count("a"), 1u);
}

TEST_F(WatcherTest, a_file_deleted_before_it_was_sent_is_no_failure) {
  uploader_.send_at_once(false);
  start();
  write("a", "1");
  until([&] { return !uploader_.pending().empty(); });
  fs::remove(directory_ / "a");
  uploader_.send_all();
  write("b", "1");
  until([&] { return !uploader_.pending().empty(); });
  uploader_.send_all();
  until_sent("b", "1");
  stop();
  EXPECT_EQ((*result_)->refused, 0u);
}

TEST_F(WatcherTest, once_ends_when_all_is_sent) {
  options_.once = true;
  write("a", "1");
  fs::create_directory(directory_ / "d");
  write("d/b", "2");
  start();
  thread_.join();
  ASSERT_TRUE(*result_);
  EXPECT_EQ((*result_)->sent, 2u);
  EXPECT_EQ((*result_)->left, 0u);
}

TEST_F(WatcherTest, what_is_not_sent_at_the_end_is_counted) {
  uploader_.send_at_once(false);
  start();
  write("a", "1");
  until([&] { return !uploader_.pending().empty(); });
  stop();
  ASSERT_TRUE(*result_);
  EXPECT_EQ((*result_)->left, 1u);
}

TEST_F(WatcherTest, the_end_of_the_directory_itself_is_an_error) {
  options_.sync.local.root = directory_ / "root";
  fs::create_directory(directory_ / "root");
  start();
  fs::remove(directory_ / "root");
  thread_.join();
  ASSERT_FALSE(*result_);
  EXPECT_EQ(result_->error().code(), ErrorCode::not_found);
  EXPECT_NE(result_->error().message().find("removed"), std::string::npos);
}

TEST_F(WatcherTest, a_bucket_that_does_not_exist_ends_it_at_the_start) {
  page_error_ = "no such bucket";
  start();
  thread_.join();
  ASSERT_FALSE(*result_);
  EXPECT_EQ(result_->error().code(), ErrorCode::not_found);
}

TEST_F(WatcherTest, a_missing_directory_cannot_be_watched) {
  options_.sync.local.root = directory_ / "missing";
  page_error_ = "not asked";
  start();
  thread_.join();
  EXPECT_EQ(result_->error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace shoal::upload
