// SPDX-License-Identifier: Apache-2.0
// Goal: an uploader with its real threads may be used from many at once and destroyed at any
// moment, and loses nothing. Method: open_uploader() on a bucket that is a directory; also for a
// thread checker.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/bytes.h"
#include "shoal/uploader.h"
#include "sim/support/faulty_files.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class ThreadsTest : public ::testing::Test {
 protected:
  ThreadsTest() {
    fs::create_directories(bucket());
    options_.journal = directory_.path() / "journal";
    options_.durability = Durability::process_death;
    options_.part_bytes = 100u << 10;
    options_.single_put_bytes_max = 200u << 10;
    options_.memory_bytes_max = 1u << 20;
  }
  [[nodiscard]] fs::path bucket() const { return directory_.path() / "bucket"; }
  [[nodiscard]] std::unique_ptr<Uploader> open() const {
    auto uploader = open_uploader("file://" + bucket().string() + "/", options_);
    EXPECT_TRUE(uploader) << uploader.error().to_string();
    return uploader ? std::move(*uploader) : nullptr;
  }
  fs::path write_file(const std::string& name, const std::string& text) const {
    std::ofstream(directory_.path() / name, std::ios::binary | std::ios::trunc) << text;
    return directory_.path() / name;
  }
  [[nodiscard]] std::string object(const std::string& key) const {
    std::ifstream file(bucket() / key, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  sim::TemporaryDirectory directory_;
  UploaderOptions options_;
};

TEST_F(ThreadsTest, sends_what_many_threads_give_it) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 15;
  std::atomic<std::uint64_t> events{0};
  options_.on_event = [&](const UploadEvent&) { ++events; };
  const auto uploader = open();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      const std::string name = "t" + std::to_string(t);
      for (int i = 0; i < kRounds; ++i) {
        const std::string text = name + "-" + std::to_string(i);
        const std::string big(i % 5 == 0 ? 450'000 : 70'000, static_cast<char>('a' + i));
        EXPECT_TRUE(uploader->put_object(name + "/bytes", as_bytes(text)));
        EXPECT_TRUE(uploader->put_object("shared", as_bytes(text)));
        EXPECT_TRUE(uploader->put_object_from_file(name + "/file", write_file(name, big)));
        EXPECT_TRUE(
            uploader->put_object_from_file(name + "/copy", write_file(name, big), {.copy = true}));
        if (i % 4 == 0) {
          EXPECT_TRUE(uploader->flush(1min));
        }
        static_cast<void>(uploader->stats());
        static_cast<void>(uploader->pending());
      }
    });
  for (auto& thread : threads) thread.join();
  const auto flushed = uploader->flush(1min);
  ASSERT_TRUE(flushed) << flushed.error().to_string();
  const std::string last(70'000, static_cast<char>('a' + kRounds - 1));
  for (int t = 0; t < kThreads; ++t) {
    const std::string name = "t" + std::to_string(t);
    EXPECT_EQ(object(name + "/bytes"), name + "-" + std::to_string(kRounds - 1));
    EXPECT_EQ(object(name + "/file"), last);
    EXPECT_EQ(object(name + "/copy"), last);
  }
  EXPECT_TRUE(object("shared").ends_with("-" + std::to_string(kRounds - 1)));
  const UploaderStats stats = uploader->stats();
  EXPECT_EQ(stats.pending, 0u);
  EXPECT_EQ(stats.sent, stats.accepted);
  EXPECT_EQ(stats.refused, 0u);
  EXPECT_GE(events, stats.sent);
}

// Ids of threads that append to one key may arrive swapped: no append may go with another one's
// position.
TEST_F(ThreadsTest, appends_of_many_threads_are_all_there_once) {
  const auto uploader = open();
  const auto probe = uploader->append_object("log", {}, as_bytes(std::string_view("0000\n")));
  ASSERT_TRUE(probe);
  if (const auto result = probe->get(); !result && result.error().code() == ErrorCode::unsupported)
    GTEST_SKIP() << "this bucket has no append";
  std::vector<std::thread> threads;
  for (int t = 1; t <= 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        std::string line = std::to_string(1000 * t + i) + "\n";
        EXPECT_TRUE(uploader->append_object("log", {}, as_bytes(line)));
      }
    });
  for (auto& thread : threads) thread.join();
  const auto flushed = uploader->flush(1min);
  ASSERT_TRUE(flushed) << flushed.error().to_string();
  const std::string log = object("log");
  EXPECT_EQ(log.size(), 5u * 101);
  for (int t = 1; t <= 4; ++t)
    for (int i = 0; i < 25; ++i)
      EXPECT_NE(log.find(std::to_string(1000 * t + i) + "\n"), std::string::npos);
}

TEST_F(ThreadsTest, may_be_destroyed_while_work_is_under_way) {
  const std::string big(600'000, 'b');
  const auto file = write_file("file", big);
  for (int round = 0; round < 12; ++round) {
    const auto uploader = open();
    std::vector<Upload> uploads;
    for (int i = 0; i < 6; ++i) {
      uploads.push_back(*uploader->put_object("bytes" + std::to_string(i), as_bytes(big)));
      uploads.push_back(*uploader->put_object_from_file("file" + std::to_string(i), file));
    }
    if (round % 3 == 1) uploads[static_cast<std::size_t>(round)].wait();
    if (round % 3 == 2)
      for (const auto& one : uploader->pending()) ignore(uploader->discard(one.id), "may be over");
  }
  const auto uploader = open();
  ASSERT_TRUE(uploader->flush(1min));
  EXPECT_EQ(uploader->stats().pending, 0u);
  EXPECT_TRUE(fs::is_empty(options_.journal / "spool"));
}

TEST_F(ThreadsTest, futures_outlive_the_uploader) {
  options_.start_paused = true;
  auto uploader = open();
  const auto upload = uploader->put_object("k", as_bytes(std::string_view("x")));
  ASSERT_TRUE(upload);
  uploader.reset();
  ASSERT_FALSE(upload->get());
  EXPECT_EQ(upload->get().error().code(), ErrorCode::closed);
  options_.start_paused = false;
  uploader = open();
  EXPECT_EQ(uploader->stats().recovered, 1u);
  EXPECT_TRUE(uploader->flush(1min));
  EXPECT_EQ(object("k"), "x");
}

TEST_F(ThreadsTest, refuses_options_that_cannot_work) {
  const auto refused = [&](const UploaderOptions& options) {
    const auto uploader = open_uploader("file://" + bucket().string() + "/", options);
    return !uploader && uploader.error().code() == ErrorCode::bad_input;
  };
  for (const std::uint32_t requests : {0u, 5000u}) {
    UploaderOptions options = options_;
    options.requests_in_flight_max = requests;
    EXPECT_TRUE(refused(options));
  }
  UploaderOptions options = options_;
  options.part_bytes = 1;
  EXPECT_TRUE(refused(options));
  options = options_;
  options.memory_bytes_max = options.part_bytes - 1;
  EXPECT_TRUE(refused(options));
  options = options_;
  options.pending_max = 0;
  EXPECT_TRUE(refused(options));
  options = options_;
  options.addressing = "sideways";
  EXPECT_TRUE(refused(options));
}

TEST_F(ThreadsTest, an_open_journal_is_refused_to_a_second_uploader) {
  const auto uploader = open();
  const auto second = open_uploader("file://" + bucket().string() + "/", options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::precondition);
}

}  // namespace
}  // namespace shoal
