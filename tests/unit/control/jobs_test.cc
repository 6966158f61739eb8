// SPDX-License-Identifier: Apache-2.0
// Goal: commands of many clients share a server: bounded, each told apart, and a dead client's
// command ends.
// Method: a volume in memory that answers when it is let; leases are checked at times of the test's
// own.
#include "control/jobs.h"

#include <gtest/gtest.h>

#include "fake_volume.h"

namespace shoal::control {
namespace {

using State = WarmProgress::State;

class JobsTest : public testing::Test {
 protected:
  JobsTest() {
    for (int i = 0; i < 600; ++i) volume_.add("f" + std::to_string(1000 + i));
  }
  ~JobsTest() override { volume_.hold(false); }
  static WarmSpec spec() {
    WarmSpec spec;
    spec.paths.push_back(*PathPattern::parse("*", PathPattern::Syntax::pattern));
    spec.parallel = 10;
    return spec;
  }
  static State wait_over(Jobs& jobs, const std::string& id) {
    for (;;) {
      const auto job = jobs.ask(id);
      if (!job || job->progress.is_over()) return job ? job->progress.state : State::failed;
      std::this_thread::yield();
    }
  }
  FakeVolume volume_;
};

TEST_F(JobsTest, a_job_runs_and_its_end_is_remembered) {
  Jobs jobs(volume_, system_clock());
  const auto started = jobs.start(spec());
  ASSERT_TRUE(started);
  EXPECT_EQ(wait_over(jobs, started->id), State::done);
  EXPECT_EQ(jobs.ask(started->id)->progress.files_done, 600u);
  EXPECT_EQ(jobs.list().size(), 1u);
}

TEST_F(JobsTest, an_id_of_another_server_is_not_found) {
  Jobs first(volume_, system_clock());
  Jobs second(volume_, system_clock());
  const auto started = first.start(spec());
  ASSERT_TRUE(second.start(spec()));
  const auto asked = second.ask(started->id);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), ErrorCode::not_found);
  EXPECT_FALSE(second.cancel("nonsense"));
}

TEST_F(JobsTest, nobody_asks_and_it_is_canceled) {
  Jobs jobs(volume_, system_clock());
  volume_.hold(true);
  const auto started = jobs.start(spec());
  volume_.wait_in_flight(10);
  jobs.check_leases(system_clock().now() + limits::kJobLease / 2);
  volume_.hold(false);
  volume_.hold(true);
  EXPECT_NE(jobs.list().front().progress.state, State::canceled);
  jobs.check_leases(system_clock().now() + limits::kJobLease + std::chrono::seconds(1));
  volume_.hold(false);
  EXPECT_EQ(wait_over(jobs, started->id), State::canceled);
  EXPECT_LT(jobs.ask(started->id)->progress.files_done, 600u);
}

TEST_F(JobsTest, cancel_reaches_one_that_runs_and_one_that_waits) {
  Jobs jobs(volume_, system_clock());
  volume_.hold(true);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < limits::kJobsRunning + 1; ++i) ids.push_back(jobs.start(spec())->id);
  volume_.wait_in_flight(10 * limits::kJobsRunning);
  EXPECT_EQ(jobs.cancel(ids.back())->progress.state, State::canceled) << "it had not begun";
  EXPECT_FALSE(jobs.cancel(ids.front())->progress.is_over()) << "what is in flight ends first";
  volume_.hold(false);
  EXPECT_EQ(wait_over(jobs, ids.front()), State::canceled);
  EXPECT_EQ(wait_over(jobs, ids[1]), State::done);
}

TEST_F(JobsTest, too_many_are_refused_with_what_to_do) {
  Jobs jobs(volume_, system_clock());
  volume_.hold(true);
  for (std::size_t i = 0; i < limits::kJobsRunning; ++i) ASSERT_TRUE(jobs.start(spec()));
  volume_.wait_in_flight(10 * limits::kJobsRunning);
  for (std::size_t i = 0; i < limits::kJobsWaiting; ++i) ASSERT_TRUE(jobs.start(spec()));
  const auto refused = jobs.start(spec());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::limit);
  EXPECT_NE(refused.error().remedy().find("DELETE"), std::string::npos);
}

TEST_F(JobsTest, old_ones_are_forgotten) {
  Jobs jobs(volume_, system_clock());
  const std::string first = jobs.start(spec())->id;
  wait_over(jobs, first);
  for (std::size_t i = 0; i < limits::kJobsKept + 3; ++i) wait_over(jobs, jobs.start(spec())->id);
  EXPECT_LE(jobs.list().size(), limits::kJobsKept + 1);
  EXPECT_FALSE(jobs.ask(first));
}

TEST_F(JobsTest, its_end_waits_for_no_answer) {
  volume_.hold(true);
  Jobs jobs(volume_, system_clock());
  ASSERT_TRUE(jobs.start(spec()));
  ASSERT_TRUE(jobs.start(spec()));
  ASSERT_TRUE(jobs.start(spec()));
  volume_.wait_in_flight(20);
}

}  // namespace
}  // namespace shoal::control
