// SPDX-License-Identifier: Apache-2.0
// Goal: exactly what differs is sent, what is gone is removed only when that is certain, and the
// bucket is asked for no more than the pages of its listing.
// Method: a real directory against a bucket in memory, whose pages are listed on a virtual loop.
#include "upload/sync.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "store/encoding.h"
#include "store/memory/memory_store.h"
#include "unit/store/virtual_loop.h"
#include "unit/sys/temporary_directory.h"
#include "upload/etag_check.h"

namespace shoal::upload {
namespace {

namespace fs = std::filesystem;
using Action = SyncStep::Action;
using Reason = SyncStep::Reason;

constexpr std::int64_t kFuture = 4'000'000'000;

class SyncTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.local.root = directory_.path();
    options_.prefix = "p/";
  }
  void make(const std::string& key, const std::string& content) {
    fs::create_directories((directory_.path() / key).parent_path());
    std::ofstream(directory_.path() / key) << content;
  }
  Result<SyncCounts> plan() {
    steps_.clear();
    const ListPages list = [this](const store::ListRequest& request) {
      std::optional<Result<store::ListPage>> page;
      store_.list(request, [&](Result<store::ListPage> got) { page = std::move(got); });
      loop_.run_all();
      return std::move(*page);
    };
    const LastSent last_sent = [this](const std::string& key) {
      const auto found = sent_.find(key);
      return found == sent_.end() ? std::nullopt : std::optional(found->second);
    };
    return plan_sync(options_, list, last_sent, [this](const SyncStep& step) -> Result<void> {
      steps_[step.key] = {step.action, step.reason};
      order_.push_back(step.key);
      return {};
    });
  }
  void remember(const std::string& key, const std::string& etag) {
    const auto status = sys::file_status(directory_.path() / key, false).value();
    sent_[key] = {.file = directory_.path() / key,
                  .size = status.size,
                  .mtime_ns = status.mtime_ns,
                  .ctime_ns = status.ctime_ns,
                  .inode = status.inode,
                  .etag = etag};
  }
  void expect(const std::string& key, Action action, Reason reason) {
    ASSERT_TRUE(steps_.contains(key)) << key;
    EXPECT_EQ(steps_[key].first, action) << key;
    EXPECT_EQ(text_of(steps_[key].second), text_of(reason)) << key;
  }

  testing::TemporaryDirectory directory_;
  store::VirtualLoop loop_;
  store::MemoryStore store_{loop_};
  SyncOptions options_;
  std::map<std::string, SentFile> sent_;
  std::map<std::string, std::pair<Action, Reason>> steps_;
  std::vector<std::string> order_;
};

TEST_F(SyncTest, what_is_missing_or_of_another_size_is_sent) {
  make("new", "x");
  make("d/empty", "");
  make("longer", "xx");
  store_.add("p/longer", "x", kFuture);
  const auto counts = plan();
  ASSERT_TRUE(counts) << counts.error().to_string();
  expect("new", Action::send, Reason::missing);
  expect("d/empty", Action::send, Reason::missing);
  expect("longer", Action::send, Reason::size);
  EXPECT_EQ(counts->send, 3u);
  EXPECT_EQ(counts->send_bytes, 3u);
  EXPECT_EQ(counts->files, 3u);
}

TEST_F(SyncTest, of_the_same_size_times_decide_then_checksums) {
  make("older", "a");
  make("newer-same", "same");
  make("newer-other", "hers");
  store_.add("p/older", "b", kFuture);
  store_.add("p/newer-same", "same", 1);
  store_.add("p/newer-other", "mine", 1);
  ASSERT_TRUE(plan());
  expect("older", Action::keep, Reason::not_older);
  expect("newer-same", Action::keep, Reason::same_content);
  expect("newer-other", Action::send, Reason::content);
  options_.checksum = true;
  ASSERT_TRUE(plan());
  expect("older", Action::send, Reason::content);
}

TEST_F(SyncTest, what_we_sent_ourselves_is_known_without_reading_it) {
  make("sent", "a");
  make("rewritten", "a");
  make("replaced", "a");
  remember("sent", store_.add("p/sent", "b", 1));
  remember("rewritten", store_.add("p/rewritten", "b", kFuture));
  sent_["rewritten"].ctime_ns -= 1;
  store_.add("p/replaced", "b", 1);
  remember("replaced", "an ETag of before");
  ASSERT_TRUE(plan());
  expect("sent", Action::keep, Reason::same_as_sent);
  // Its times may be old: another file was renamed to this name.
  expect("rewritten", Action::send, Reason::content);
  expect("replaced", Action::send, Reason::content);
}

TEST_F(SyncTest, objects_without_a_file_stay_unless_asked) {
  make("a", "x");
  store_.add("p/a", "x", kFuture);
  store_.add("p/gone", "x");
  store_.add("other/gone", "x");
  auto counts = plan();
  expect("gone", Action::extra, Reason::no_file);
  EXPECT_EQ(counts->objects, 2u);
  options_.delete_extra = true;
  order_.clear();
  counts = plan();
  expect("gone", Action::remove, Reason::no_file);
  EXPECT_EQ(counts->remove, 1u);
  EXPECT_FALSE(steps_.contains("../other/gone"));
}

TEST_F(SyncTest, deleting_spares_what_was_excluded_or_skipped_or_is_a_directory) {
  options_.delete_extra = true;
  ASSERT_TRUE(options_.local.filter.add(NameFilter::Effect::exclude, "*.log"));
  make("d/f", "x");
  fs::create_symlink("d", directory_ / "link");
  for (const char* key : {"p/", "p/d/", "p/old.log", "p/link/inside", "p/link", "p/e/", "p/gone"})
    store_.add(key, "");
  ASSERT_TRUE(plan());
  expect("", Action::extra, Reason::marker);
  expect("d/", Action::extra, Reason::marker);
  expect("old.log", Action::extra, Reason::excluded);
  expect("link/inside", Action::extra, Reason::stands_for_skipped);
  expect("link", Action::extra, Reason::stands_for_skipped);
  expect("e/", Action::remove, Reason::no_file);
  expect("gone", Action::remove, Reason::no_file);
}

TEST_F(SyncTest, nothing_is_deleted_when_part_of_the_directory_was_not_seen) {
  options_.delete_extra = true;
  options_.local.key_bytes_max = 5;
  make("too-long", "x");
  store_.add("p/gone", "x");
  const auto counts = plan();
  EXPECT_EQ(counts->skipped_errors, 1u);
  expect("gone", Action::extra, Reason::walk_failed);
  EXPECT_EQ(counts->remove, 0u);
}

TEST_F(SyncTest, both_sides_are_read_once_and_in_order) {
  options_.prefix = "";
  for (int i = 0; i < 2500; ++i) store_.add("n/" + std::to_string(i), "x", kFuture);
  for (int i = 0; i < 300; ++i) make("n/" + std::to_string(i), "x");
  const auto counts = plan();
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->keep, 300u);
  EXPECT_EQ(counts->extra, 2200u);
  EXPECT_EQ(store_.counts().list, 3u);
  EXPECT_TRUE(std::ranges::is_sorted(order_));
}

TEST_F(SyncTest, a_failing_listing_fails_the_plan) {
  store_.set_bucket_exists(false);
  EXPECT_EQ(plan().error().code(), ErrorCode::not_found);
  options_.local.root = directory_ / "missing";
  EXPECT_EQ(plan().error().code(), ErrorCode::not_found);
}

TEST(PlausiblePartSizes, they_give_the_parts_that_were_asked_for) {
  constexpr std::uint64_t kMiB = 1 << 20;
  EXPECT_EQ(plausible_part_sizes(20 * kMiB, 3, 8 * kMiB),
            (std::vector<std::uint64_t>{8 * kMiB, 7 * kMiB}));
  EXPECT_EQ(plausible_part_sizes(20 * kMiB, 4, 8 * kMiB), (std::vector<std::uint64_t>{5 * kMiB}));
  EXPECT_EQ(plausible_part_sizes(20 * kMiB, 1, 8 * kMiB).front(), 64 * kMiB);
  EXPECT_TRUE(plausible_part_sizes(10, 3, 8 * kMiB).empty());
}

TEST(MatchesETag, plain_multipart_and_foreign) {
  const testing::TemporaryDirectory directory;
  std::string content(11 << 20, 'a');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 >> 9);
  std::ofstream(directory / "f", std::ios::binary) << content;
  const auto etag_of_parts = [&](std::size_t part) {
    std::string joined;
    std::size_t count = 0;
    for (std::size_t at = 0; at < content.size(); at += part, ++count)
      joined += store::md5(std::string_view(content).substr(at, part));
    return store::hex(store::md5(joined)) + "-" + std::to_string(count);
  };
  const auto matches = [&](const std::string& etag) {
    return matches_etag(directory / "f", content.size(), etag, 8 << 20).value();
  };
  const std::string plain = store::hex(store::md5(content));
  EXPECT_TRUE(matches(plain));
  std::string capitals = plain;
  for (char& c : capitals) c = static_cast<char>(std::toupper(c));
  EXPECT_TRUE(matches(capitals)) << "OSS writes them so";
  EXPECT_TRUE(matches(etag_of_parts(8 << 20)));
  EXPECT_TRUE(matches(etag_of_parts(5 << 20)));
  EXPECT_FALSE(matches(etag_of_parts(3'000'000)));
  EXPECT_FALSE(matches(std::string(32, '0')));
  for (const char* etag : {"", "x", "d41d8cd98f00b204e9800998ecf8427e-", "18f-200",
                           "d41d8cd98f00b204e9800998ecf8427e-99999999999999999999"})
    EXPECT_FALSE(matches(etag)) << etag;
}

}  // namespace
}  // namespace shoal::upload
