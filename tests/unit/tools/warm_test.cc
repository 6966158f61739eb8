// SPDX-License-Identifier: Apache-2.0
// Goal: lists of any form become batches of the paths they name, and what a person reads about a
// run is true and fits the terminal.
// Method: files in a temporary directory; the pure functions behind the output, at their edges.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tools/warm/path_source.h"
#include "tools/warm/view.h"

namespace shoal::tools::warm {
namespace {

namespace fs = std::filesystem;

class ListTest : public testing::Test {
 protected:
  ListTest() {
    char name[] = "/tmp/shoal-list-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~ListTest() override { fs::remove_all(directory_); }
  std::string list_of(const std::string& text) {
    const auto path = directory_ / "list";
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  static Result<PathSource> open(const std::string& name) {
    return PathSource::open(name, [](const std::string& path) { return path; });
  }
  // The paths, joined by '|'.
  static std::string all_of(PathSource& source) {
    std::string text;
    for (;;) {
      const auto batch = source.next();
      EXPECT_TRUE(batch) << batch.error().to_string();
      if (!batch || batch->paths.empty()) return text;
      EXPECT_EQ(batch->syntax, control::PathPattern::Syntax::literal);
      for (const auto& path : batch->paths) text += path.text() + "|";
    }
  }
  fs::path directory_;
};

TEST_F(ListTest, takes_lines_of_all_kinds) {
  auto unix_lines = open(list_of("a/b\nc d\n*\n\n./e"));
  ASSERT_TRUE(unix_lines) << unix_lines.error().to_string();
  EXPECT_EQ(unix_lines->count(), 4u);
  EXPECT_EQ(all_of(*unix_lines), "a/b|c d|*|e|");
  auto dos_lines = open(list_of("a/b\r\nc\r\n"));
  ASSERT_TRUE(dos_lines);
  EXPECT_EQ(all_of(*dos_lines), "a/b|c|");
  auto zeros = open(list_of(std::string("a\nb\0c\0", 6)));
  ASSERT_TRUE(zeros);
  EXPECT_EQ(all_of(*zeros), "a\nb|c|");
}

TEST_F(ListTest, a_pipe_is_as_good_as_a_file) {
  const std::string pipe = (directory_ / "pipe").string();
  ASSERT_EQ(system(("mkfifo " + pipe + " && (printf 'x\\ny\\n' > " + pipe + " &)").c_str()), 0);
  auto source = open(pipe);
  ASSERT_TRUE(source) << source.error().to_string();
  EXPECT_EQ(source->count(), 2u);
  EXPECT_EQ(all_of(*source), "x|y|");
}

TEST_F(ListTest, a_million_lines_come_in_bounded_batches) {
  std::string text;
  for (int i = 0; i < 1000000; ++i) text += "d/f" + std::to_string(i) + "\n";
  auto source = open(list_of(text));
  ASSERT_TRUE(source);
  EXPECT_EQ(source->count(), 1000000u);
  std::uint64_t paths = 0;
  for (;;) {
    const auto batch = source->next();
    ASSERT_TRUE(batch);
    if (batch->paths.empty()) break;
    EXPECT_LE(batch->paths.size(), PathSource::kBatchPaths);
    paths += batch->paths.size();
  }
  EXPECT_EQ(paths, 1000000u);
}

TEST_F(ListTest, what_is_no_list_is_refused_before_anything_is_done) {
  struct Refused {
    std::string name;
    ErrorCode code;
    std::string word;
  };
  const std::string empty = (directory_ / "empty").string();
  std::ofstream{empty};
  const std::string outside = (directory_ / "outside").string();
  std::ofstream{outside} << "a\nb\n../etc/passwd\n";
  const std::string endless = (directory_ / "endless").string();
  std::ofstream{endless} << std::string(100000, 'x');
  for (const Refused& one : {Refused{"/nowhere/list", ErrorCode::not_found, "/nowhere/list"},
                             Refused{directory_.string(), ErrorCode::bad_input, "directory"},
                             Refused{empty, ErrorCode::bad_input, "no path"},
                             Refused{outside, ErrorCode::bad_input, "path 3"},
                             Refused{endless, ErrorCode::bad_input, "longer"}}) {
    const auto source = open(one.name);
    ASSERT_FALSE(source) << one.name;
    EXPECT_EQ(source.error().code(), one.code);
    EXPECT_NE(source.error().message().find(one.word), std::string::npos)
        << source.error().to_string();
    EXPECT_FALSE(source.error().remedy().empty());
  }
}

control::WarmProgress half_done() {
  control::WarmProgress progress;
  progress.state = control::WarmProgress::State::running;
  progress.files = 2000;
  progress.bytes = 2 << 20;
  progress.files_done = 1000;
  progress.bytes_done = 1 << 20;
  progress.elapsed_seconds = 10;
  return progress;
}

TEST(WarmBar, says_how_far_how_fast_and_how_long) {
  EXPECT_EQ(warm_bar_text({}, half_done(), 0, 100),
            "warm    [###############...............]  50%  1,000 files  100/s  about 10 s left  "
            "1.0 MiB");
}

TEST(WarmBar, of_a_list_it_counts_what_is_still_to_be_sent) {
  const std::string text = warm_bar_text({}, half_done(), 10000, 120);
  EXPECT_NE(text.find(" 10%"), std::string::npos) << text;
  EXPECT_NE(text.find("about 90 s left"), std::string::npos) << text;
}

TEST(WarmBar, keeps_to_the_terminal) {
  for (unsigned columns = 12; columns <= 120; ++columns)
    EXPECT_LE(warm_bar_text({.dry_run = true}, half_done(), 0, columns).size(), columns);
}

TEST(WarmTotal, adds_batches_and_keeps_the_first_names) {
  control::WarmProgress total;
  for (int i = 0; i < 5; ++i) {
    control::WarmProgress batch = half_done();
    batch.files_failed = 4;
    batch.failures = {"a" + std::to_string(i), "b", "c", "d"};
    batch.state = control::WarmProgress::State::done;
    add_batch(batch, total);
  }
  EXPECT_EQ(total.files_done, 5000u);
  EXPECT_EQ(total.files_failed, 20u);
  ASSERT_EQ(total.failures.size(), control::limits::kNamesKept);
  EXPECT_EQ(total.failures.front(), "a0");
  EXPECT_EQ(total.state, control::WarmProgress::State::done);
}

}  // namespace
}  // namespace shoal::tools::warm
