// SPDX-License-Identifier: Apache-2.0
// Goal: what a listing says, and what servers tell, is understood for what it is.
// Method: fixed output of a listing, and real children that write it; counters under a clock of the
// test's own.

#include <gtest/gtest.h>

#include "agent/health.h"
#include "agent/index_build.h"
#include "agent/limits.h"
#include "unit/sys/temporary_directory.h"

namespace shoal::agent {
namespace {

using namespace std::chrono_literals;
using testing::TemporaryDirectory;

TEST(BuildOutput, the_last_progress_and_the_last_word_count) {
  auto state = read_build_output(
      "{\"phase\":\"listing\",\"keys\":5,\"bytes\":50,\"elapsed_seconds\":1.0}\n"
      "warning: something for people\n"
      "{\"phase\":\"listing\",\"keys\":7,\"bytes\":70,\"elapsed_seconds\":2.5}\n"
      "{\"phase\":\"listing\",\"keys\":9");
  EXPECT_EQ(state.progress.objects, 7u);
  EXPECT_EQ(state.progress.seconds, 2.5);
  EXPECT_FALSE(state.facts);
  state = read_build_output(
      "{\"generation\":1,\"files\":3,\"directories\":2,\"bytes\":10,\"listed_at\":99}\n");
  ASSERT_TRUE(state.facts);
  EXPECT_EQ(state.facts->files, 3u);
  EXPECT_EQ(state.facts->directories, 2u);
  EXPECT_EQ(state.facts->object_bytes, 10u);
  EXPECT_EQ(state.facts->listed_at, 99);
  state = read_build_output(
      "{\"error\":{\"code\":\"not found\",\"message\":\"no bucket\",\"remedy\":\"make it\"}}\n"
      "shoal: no bucket (not found). make it\n");
  ASSERT_TRUE(state.error);
  EXPECT_EQ(state.error->code(), ErrorCode::not_found);
  EXPECT_EQ(state.error->remedy(), "make it");
  for (const char* odd : {"", "\n", "null\n", "{\"error\":1}\n", "{\"error\":{\"code\":7}}\n",
                          "{\"generation\":\"x\",\"files\":\"y\"}\n", "{\"phase\":[]}\n"})
    EXPECT_FALSE(read_build_output(odd).error) << odd;
}

class BuildProcess : public ::testing::Test {
 protected:
  IndexBuild::State end_of(IndexBuild& build) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    auto state = build.look();
    while (!state.over && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      state = build.look();
    }
    return state;
  }
  TemporaryDirectory directory_;
  IndexBuild::Files files_{.output = directory_ / "out.log", .process = directory_ / "out.json"};
};

TEST_F(BuildProcess, its_result_is_that_of_its_last_line) {
  auto build = IndexBuild::start({"sh", "-c", "echo '{\"generation\":1,\"files\":3}'"}, files_);
  ASSERT_TRUE(build) << build.error().to_string();
  const auto state = end_of(*build);
  ASSERT_TRUE(state.facts);
  EXPECT_EQ(state.facts->files, 3u);
}

TEST_F(BuildProcess, one_that_is_killed_failed_for_a_passing_reason) {
  auto build = IndexBuild::start({"sh", "-c", "kill -9 $$"}, files_);
  ASSERT_TRUE(build);
  const auto state = end_of(*build);
  ASSERT_TRUE(state.error);
  EXPECT_EQ(state.error->code(), ErrorCode::unavailable);
  EXPECT_NE(state.error->message().find("signal 9"), std::string::npos);
}

TEST_F(BuildProcess, what_it_said_does_not_count_before_it_has_ended) {
  auto build = IndexBuild::start(
      {"sh", "-c", "echo '{\"generation\":1,\"files\":3}'; exec sleep 60"}, files_);
  ASSERT_TRUE(build);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (std::filesystem::file_size(files_.output) == 0 &&
         std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  const auto state = build->look();
  EXPECT_FALSE(state.over);
  EXPECT_FALSE(state.facts);
  build->stop();
  EXPECT_TRUE(build->look().over);
}

TEST_F(BuildProcess, the_next_agent_finds_one_that_runs_and_none_that_has_ended) {
  EXPECT_FALSE(IndexBuild::find(files_));
  auto build = IndexBuild::start({"sleep", "60"}, files_);
  ASSERT_TRUE(build);
  auto found = IndexBuild::find(files_);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->look().over);
  found->stop();
  EXPECT_TRUE(found->look().over);
  EXPECT_FALSE(IndexBuild::find(files_));
}

TEST_F(BuildProcess, a_program_that_is_not_there_is_an_error) {
  EXPECT_FALSE(IndexBuild::start({"/no/such/program"}, files_));
}

class HealthTest : public ::testing::Test {
 protected:
  control::Status answer(std::uint64_t read_errors, std::vector<std::string> texts = {}) {
    control::Status status;
    status.stats.read_errors = read_errors;
    status.recent_errors = std::move(texts);
    return status;
  }
  Health health_;
  TimePoint now_{};
};

TEST_F(HealthTest, what_answers_and_fails_nothing_is_well) {
  health_.note_answer(now_, answer(0));
  health_.note_restarts(now_, 0);
  EXPECT_EQ(health_.abnormal(now_), "");
}

TEST_F(HealthTest, silence_counts_after_several_looks) {
  health_.note_answer(now_, answer(0));
  for (std::uint32_t i = 1; i < limits::kLooksMissedMax; ++i)
    health_.note_silence(Error(ErrorCode::timeout, "no answer"));
  EXPECT_EQ(health_.abnormal(now_), "");
  health_.note_silence(Error(ErrorCode::timeout, "no answer"));
  EXPECT_NE(health_.abnormal(now_).find("does not answer"), std::string::npos);
  health_.note_answer(now_, answer(0));
  EXPECT_EQ(health_.abnormal(now_), "");
}

TEST_F(HealthTest, one_restart_is_no_news_and_many_are) {
  for (std::uint64_t restarts = 0; restarts < 3; ++restarts)
    health_.note_restarts(now_ += 1s, restarts);
  EXPECT_EQ(health_.abnormal(now_), "");
  health_.note_restarts(now_ += 1s, 3);
  EXPECT_NE(health_.abnormal(now_).find("3 restarts"), std::string::npos);
  EXPECT_EQ(health_.abnormal(now_ + 10min), "");
}

TEST_F(HealthTest, errors_count_while_they_are_new) {
  health_.note_answer(now_, answer(5));
  EXPECT_EQ(health_.abnormal(now_), "") << "of unknown age";
  health_.note_answer(now_, answer(6, {"read x: no (I/O error)"}));
  EXPECT_NE(health_.abnormal(now_).find("read x"), std::string::npos);
  EXPECT_EQ(health_.abnormal(now_ + 10min), "");
  health_.note_answer(now_, answer(1, {"GET x: no (permission denied)"}));
  EXPECT_NE(health_.abnormal(now_).find("refuses the keys"), std::string::npos)
      << "a new server counts from zero";
}

TEST_F(HealthTest, replaced_objects_stay_a_reason) {
  auto status = answer(0);
  status.stats.changed_objects = 2;
  health_.note_answer(now_, status);
  EXPECT_NE(health_.abnormal(now_ + 24h).find("2 objects"), std::string::npos);
}

}  // namespace
}  // namespace shoal::agent
