// SPDX-License-Identifier: Apache-2.0
// Goal: what the plan says is sent and removed, each file has one outcome, and one bad file does
// not keep the others back. Method: a real directory, an empty or small listing, and an uploader
// that records.
#include "upload/sync_run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "fake_uploader.h"
#include "unit/sys/temporary_directory.h"

namespace shoal::upload {
namespace {

class SyncRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.local.root = directory_.path();
    options_.stop = &stop_;
    observer_.on_failure = [this](const std::string& key, const Error&) {
      failures_.push_back(key);
    };
  }
  void make(const std::string& key) { std::ofstream(directory_.path() / key) << key; }
  Result<void> run() {
    run_.emplace(options_, list_, uploader_, observer_);
    return run_->run();
  }

  testing::TemporaryDirectory directory_;
  std::atomic<bool> stop_{false};
  SyncOptions options_;
  store::ListPage page_;
  ListPages list_ = [this](const store::ListRequest&) -> Result<store::ListPage> { return page_; };
  testing::FakeUploader uploader_;
  SyncObserver observer_;
  std::vector<std::string> failures_;
  std::optional<SyncRun> run_;
};

TEST_F(SyncRunTest, many_files_go_in_batches_and_all_arrive) {
  for (int i = 0; i < 2300; ++i) make(std::to_string(i));
  std::uint64_t first_shown = 0;
  observer_.on_progress = [&](const SyncProgress& progress) {
    if (first_shown == 0) first_shown = progress.counts.files;
  };
  ASSERT_TRUE(run());
  EXPECT_EQ(first_shown, 1000u) << "of the plan so far";
  EXPECT_EQ(run_->progress().sent, 2300u);
  EXPECT_EQ(run_->progress().failed, 0u);
  EXPECT_TRUE(run_->progress().is_planned);
  EXPECT_EQ(uploader_.bucket().size(), 2300u);
  EXPECT_EQ(uploader_.bucket()["17"], "17");
}

TEST_F(SyncRunTest, a_second_run_sends_nothing) {
  make("a");
  ASSERT_TRUE(run());
  page_.objects.push_back({.key = "a", .size = 1, .mtime = 1, .etag = "etag-1"});
  ASSERT_TRUE(run());
  EXPECT_EQ(uploader_.accepted().size(), 1u);
  EXPECT_EQ(run_->progress().counts.keep, 1u);
}

TEST_F(SyncRunTest, when_a_batch_is_refused_its_files_go_one_by_one) {
  make("a");
  make("b");
  uploader_.refuse_next(Error(ErrorCode::not_found, "a is gone"));
  ASSERT_TRUE(run());
  EXPECT_EQ(run_->progress().sent, 2u);
}

TEST_F(SyncRunTest, a_journal_that_takes_no_more_ends_the_run) {
  make("a");
  uploader_.refuse_next(Error(ErrorCode::no_space, "the disk is full"));
  EXPECT_EQ(run().error().code(), ErrorCode::no_space);
}

TEST_F(SyncRunTest, a_file_that_goes_before_it_is_read_is_a_failure_of_its_own) {
  make("a");
  make("b");
  uploader_.send_at_once(false);
  std::jthread service([this] {
    while (uploader_.accepted().size() < 2) std::this_thread::yield();
    std::filesystem::remove(directory_ / "a");
    uploader_.send_all();
  });
  ASSERT_TRUE(run());
  EXPECT_EQ(failures_, (std::vector<std::string>{"a"}));
  EXPECT_EQ(run_->progress().sent, 1u);
}

TEST_F(SyncRunTest, extra_objects_are_removed_through_the_uploader) {
  options_.delete_extra = true;
  page_.objects.push_back({.key = "gone", .size = 1, .mtime = 1});
  ASSERT_TRUE(run());
  EXPECT_EQ(uploader_.removed(), (std::vector<std::string>{"gone"}));
  EXPECT_EQ(run_->progress().removed, 1u);
}

TEST_F(SyncRunTest, an_interrupted_run_ends_and_leaves_what_was_accepted) {
  make("a");
  uploader_.send_at_once(false);
  std::jthread user([this] {
    while (uploader_.accepted().empty()) std::this_thread::yield();
    stop_ = true;
  });
  EXPECT_EQ(run().error().code(), ErrorCode::canceled);
  EXPECT_EQ(uploader_.pending().size(), 1u);
}

}  // namespace
}  // namespace shoal::upload
