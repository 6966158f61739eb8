// SPDX-License-Identifier: Apache-2.0
// Goal: bodies kept on disk, memory that is shared out, and the order of work hold what they
// promise, each by itself. Method: the parts of the engine called directly; threads where somebody
// blocks.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include "sim/support/faulty_files.h"
#include "sim/support/virtual_time.h"
#include "upload/backlog.h"
#include "upload/budget.h"
#include "upload/spool.h"

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using format::UploadJobRecord;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// ---- spool

class SpoolTest : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return directory_.path() / "spool"; }
  [[nodiscard]] Spool open(bool sync = false) const { return Spool::open(path(), sync).value(); }
  [[nodiscard]] fs::path write_file(const std::string& text) const {
    std::ofstream(directory_.path() / "file", std::ios::binary) << text;
    return directory_.path() / "file";
  }

 private:
  sim::TemporaryDirectory directory_;
};

TEST_F(SpoolTest, keeps_bytes_under_the_id_of_their_job) {
  for (const bool sync : {false, true}) {
    const Spool spool = open(sync);
    ASSERT_TRUE(spool.write(7, as_bytes(std::string_view("longer than the next"))));
    ASSERT_TRUE(spool.write(7, as_bytes(std::string_view("bytes"))));
    ASSERT_TRUE(spool.write(8, {}));
    EXPECT_EQ(contents(spool.path(7)), "bytes");
    EXPECT_TRUE(fs::exists(spool.path(8)));
    spool.remove(7);
    spool.remove(7);
    EXPECT_FALSE(fs::exists(spool.path(7)));
  }
}

TEST_F(SpoolTest, copies_a_file_so_that_it_may_change_afterwards) {
  const Spool spool = open();
  const std::string text(100'000, 'x');
  EXPECT_EQ(spool.copy(1, write_file(text)).value_or(0), text.size());
  EXPECT_EQ(contents(write_file("other")), "other");
  EXPECT_EQ(contents(spool.path(1)), text);
  EXPECT_EQ(spool.copy(1, write_file("")).value_or(1), 0u);
  EXPECT_EQ(contents(spool.path(1)), "");
}

TEST_F(SpoolTest, copies_only_regular_files_that_are_there) {
  const Spool spool = open();
  const auto missing = spool.copy(1, path() / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  const auto directory = spool.copy(1, path());
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code(), ErrorCode::bad_input);
}

TEST_F(SpoolTest, drops_what_belongs_to_no_job) {
  const Spool spool = open();
  for (const std::uint64_t id : {1u, 2u, 33u})
    ASSERT_TRUE(spool.write(id, as_bytes(std::string_view("b"))));
  for (const char* name : {"junk", "5.tmp", "x.body", "2.body.old"})
    std::ofstream(path() / name) << "junk";
  spool.keep_only([](std::uint64_t id) { return id != 2; });
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path()))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"1.body", "33.body"}));
}

// ---- budget

class BudgetTest : public ::testing::Test {
 protected:
  void acquire(Budget& budget, std::uint64_t bytes, int name) {
    budget.acquire(bytes, [this, name] { granted_.push_back(name); });
  }
  std::vector<int> granted() {
    scheduler_.run_until([] { return false; });
    return std::exchange(granted_, {});
  }
  sim::Scheduler scheduler_{1};
  sim::SimExecutor loop_{scheduler_, {}};
  std::vector<int> granted_;
};

TEST_F(BudgetTest, serves_first_come_first_served_also_when_a_later_one_would_fit) {
  Budget budget(loop_, 100, 10);
  acquire(budget, 60, 1);
  acquire(budget, 50, 2);
  acquire(budget, 10, 3);
  EXPECT_TRUE(granted_.empty());  // never from inside the call
  EXPECT_EQ(granted(), std::vector<int>{1});
  EXPECT_EQ(budget.bytes_used(), 60u);
  budget.release(60);
  EXPECT_EQ(granted(), (std::vector<int>{2, 3}));
  budget.release(50);
  budget.release(10);
  EXPECT_EQ(budget.bytes_used(), 0u);
}

TEST_F(BudgetTest, gives_all_memory_to_a_larger_body_once_it_is_alone) {
  Budget budget(loop_, 100, 10);
  acquire(budget, 1, 1);
  acquire(budget, 1000, 2);
  acquire(budget, 1, 3);
  EXPECT_EQ(granted(), std::vector<int>{1});
  budget.release(1);
  EXPECT_EQ(granted(), std::vector<int>{2});
  budget.release(1000);
  EXPECT_EQ(granted(), std::vector<int>{3});
}

TEST_F(BudgetTest, bounds_the_number_of_bodies) {
  Budget budget(loop_, 100, 2);
  for (int i = 1; i <= 3; ++i) acquire(budget, 0, i);
  EXPECT_EQ(granted(), (std::vector<int>{1, 2}));
  budget.release(0);
  EXPECT_EQ(granted(), std::vector<int>{3});
}

TEST_F(BudgetTest, forgets_whoever_waits_when_it_is_closed) {
  Budget budget(loop_, 1, 1);
  acquire(budget, 1, 1);
  acquire(budget, 1, 2);
  EXPECT_EQ(granted(), std::vector<int>{1});
  budget.close();
  budget.release(1);
  EXPECT_TRUE(granted().empty());
}

// ---- backlog

UploadJobRecord bytes_for(std::string key, std::uint64_t size = 0) {
  return {.kind = UploadJobRecord::Kind::put,
          .body = UploadJobRecord::Body::in_journal,
          .key = std::move(key),
          .size = size};
}
UploadJobRecord file_for(std::string key, std::string file = "/f") {
  return {.kind = UploadJobRecord::Kind::put,
          .body = UploadJobRecord::Body::file,
          .key = std::move(key),
          .file = std::move(file)};
}

class BacklogTest : public ::testing::Test {
 protected:
  JobPtr reserve_and_add(std::uint64_t id, const UploadJobRecord& record) {
    EXPECT_TRUE(backlog_.reserve(1, record.body == UploadJobRecord::Body::file ? 0 : record.size));
    auto job = std::make_shared<Job>(id, record, false);
    backlog_.add(job);
    return job;
  }
  JobPtr accept(std::uint64_t id, const UploadJobRecord& record) {
    auto job = reserve_and_add(id, record);
    uploads_[id] = job->upload;
    backlog_.commit(job);
    return job;
  }
  std::uint64_t take() {
    const JobPtr job = backlog_.take();
    return job ? job->id : 0;
  }
  [[nodiscard]] bool is_ready(std::uint64_t id) const {
    return uploads_.at(id).wait_for(0s) == std::future_status::ready;
  }
  [[nodiscard]] ErrorCode error_of(std::uint64_t id) const {
    return is_ready(id) && !uploads_.at(id).get() ? uploads_.at(id).get().error().code()
                                                  : ErrorCode::bug;
  }
  static Error error(ErrorCode code = ErrorCode::unavailable) { return Error(code, "test"); }

  int wakes_ = 0;
  Backlog backlog_{{.pending_max = 4, .journal_bytes_max = 100, .timeout = 10ms},
                   [this] { ++wakes_; }};
  std::map<std::uint64_t, Upload> uploads_;
};

TEST_F(BacklogTest, runs_one_job_of_a_key_at_a_time_and_keys_side_by_side) {
  const auto a1 = accept(1, bytes_for("a"));
  accept(2, bytes_for("a"));
  accept(3, bytes_for("b"));
  EXPECT_EQ(take(), 1u);
  EXPECT_EQ(take(), 3u);
  EXPECT_EQ(take(), 0u);
  backlog_.end(a1, Uploaded{.key = "a"});
  EXPECT_TRUE(is_ready(1));
  EXPECT_EQ(take(), 2u);
  EXPECT_EQ(take(), 0u);
}

TEST_F(BacklogTest, keeps_the_order_of_ids_when_they_arrive_swapped) {
  const auto second = reserve_and_add(2, bytes_for("a"));
  const auto first = reserve_and_add(1, bytes_for("a"));
  backlog_.commit(second);
  EXPECT_EQ(take(), 0u);  // the first is still being accepted
  backlog_.commit(first);
  EXPECT_EQ(take(), 1u);
  EXPECT_EQ(take(), 0u);
}

TEST_F(BacklogTest, never_runs_two_of_a_key_at_once_when_the_earlier_id_arrives_late) {
  const auto second = accept(2, bytes_for("a"));
  EXPECT_EQ(take(), 2u);
  accept(1, bytes_for("a"));
  EXPECT_EQ(take(), 0u);
  backlog_.end(second, Uploaded{.key = "a"});
  EXPECT_EQ(take(), 1u);
}

TEST_F(BacklogTest, goes_on_behind_a_job_that_could_not_be_accepted) {
  const auto first = reserve_and_add(1, bytes_for("a", 60));
  accept(2, bytes_for("a", 40));
  EXPECT_EQ(take(), 0u);
  backlog_.withdraw(first);
  EXPECT_EQ(take(), 2u);
  EXPECT_EQ(backlog_.counts().pending, 1u);
  EXPECT_EQ(backlog_.counts().journal_bytes, 40u);
}

TEST_F(BacklogTest, joins_the_same_put_of_a_file_that_is_last_of_its_key) {
  const auto job = accept(1, file_for("a"));
  EXPECT_TRUE(backlog_.join(file_for("a")));
  EXPECT_FALSE(backlog_.join(file_for("b")));
  EXPECT_FALSE(backlog_.join(file_for("a", "/other")));
  UploadJobRecord other = file_for("a");
  other.if_absent = true;
  EXPECT_FALSE(backlog_.join(other));
  other = file_for("a");
  other.if_match = "e";
  EXPECT_FALSE(backlog_.join(other));
  other = file_for("a");
  other.content_type = "t";
  EXPECT_FALSE(backlog_.join(other));

  EXPECT_EQ(take(), 1u);
  EXPECT_TRUE(backlog_.join(file_for("a")));  // it runs, and looks again at its end
  backlog_.close_to_joins(job);
  EXPECT_FALSE(backlog_.join(file_for("a")));
  backlog_.open_to_joins(job);
  EXPECT_TRUE(backlog_.join(file_for("a")));
  accept(2, bytes_for("a"));
  EXPECT_FALSE(backlog_.join(file_for("a")));  // would be overtaken
}

TEST_F(BacklogTest, joins_neither_bytes_nor_copies_nor_what_is_being_accepted_or_discarded) {
  accept(1, bytes_for("a"));
  UploadJobRecord copy = file_for("b");
  copy.body = UploadJobRecord::Body::spooled;
  accept(2, copy);
  reserve_and_add(3, file_for("c"));
  accept(4, file_for("d"));
  bool runs = false;
  EXPECT_TRUE(backlog_.discard(4, runs));
  for (const char* key : {"a", "b", "c", "d"}) EXPECT_FALSE(backlog_.join(file_for(key))) << key;
}

TEST_F(BacklogTest, a_job_that_waits_holds_its_line_back_until_new_work_arrives) {
  const auto first = accept(1, file_for("a"));
  accept(2, bytes_for("a"));
  EXPECT_EQ(take(), 1u);
  EXPECT_TRUE(backlog_.set_waiting(first, error()));
  EXPECT_EQ(error_of(1), ErrorCode::unavailable);
  EXPECT_EQ(error_of(2), ErrorCode::unavailable);
  EXPECT_EQ(backlog_.counts().waiting, 2u);
  EXPECT_EQ(take(), 0u);

  accept(3, bytes_for("a"));
  EXPECT_EQ(backlog_.counts().waiting, 0u);
  EXPECT_EQ(take(), 1u);
  EXPECT_FALSE(is_ready(3));
  EXPECT_TRUE(is_ready(1));  // as it was
  EXPECT_FALSE(first->upload.wait_for(0s) == std::future_status::ready);
}

TEST_F(BacklogTest, joining_a_job_that_waits_wakes_it) {
  const auto job = accept(1, file_for("a"));
  EXPECT_EQ(take(), 1u);
  backlog_.close_to_joins(job);
  EXPECT_TRUE(backlog_.set_waiting(job, error()));
  const auto joined = backlog_.join(file_for("a"));
  ASSERT_TRUE(joined);
  EXPECT_FALSE(joined->wait_for(0s) == std::future_status::ready);
  EXPECT_EQ(take(), 1u);
  backlog_.end(job, Uploaded{.key = "a"});
  EXPECT_TRUE(joined->get());
}

TEST_F(BacklogTest, a_discarded_job_is_its_takers_alone_whatever_the_line_does) {
  const auto first = accept(1, bytes_for("a"));
  const auto second = accept(2, bytes_for("a"));
  EXPECT_EQ(take(), 1u);
  bool runs = true;
  EXPECT_EQ(backlog_.discard(2, runs), second);
  EXPECT_FALSE(runs);
  EXPECT_TRUE(backlog_.set_waiting(first, error()));
  EXPECT_FALSE(is_ready(2));
  accept(3, bytes_for("a"));  // wakes the line
  EXPECT_EQ(take(), 1u);
  backlog_.end(first, Uploaded{.key = "a"});
  EXPECT_EQ(take(), 0u);  // the second is being discarded
  backlog_.end(second, fail(error(ErrorCode::canceled)));
  EXPECT_EQ(error_of(2), ErrorCode::canceled);
  EXPECT_EQ(take(), 3u);
  EXPECT_EQ(backlog_.counts().pending, 1u);
}

TEST_F(BacklogTest, discards_in_every_state) {
  bool runs = true;
  EXPECT_FALSE(backlog_.discard(9, runs));
  const auto accepting = reserve_and_add(1, bytes_for("a"));
  EXPECT_FALSE(backlog_.discard(1, runs));
  backlog_.commit(accepting);
  EXPECT_EQ(backlog_.discard(1, runs), accepting);
  EXPECT_FALSE(runs);
  EXPECT_EQ(backlog_.discard(1, runs), accepting);
  EXPECT_TRUE(runs);  // by whoever discarded it first
  EXPECT_EQ(take(), 0u);
  backlog_.end(accepting, fail(error(ErrorCode::canceled)));
  EXPECT_FALSE(backlog_.discard(1, runs));

  const auto running = accept(2, bytes_for("b"));
  EXPECT_EQ(take(), 2u);
  EXPECT_EQ(backlog_.discard(2, runs), running);
  EXPECT_TRUE(runs);
  EXPECT_TRUE(running->is_discarded);

  const auto waiting = accept(3, bytes_for("c"));
  EXPECT_EQ(take(), 3u);
  EXPECT_TRUE(backlog_.set_waiting(waiting, error()));
  EXPECT_EQ(backlog_.discard(3, runs), waiting);
  EXPECT_FALSE(runs);
  backlog_.end(waiting, fail(error(ErrorCode::canceled)));
  EXPECT_EQ(error_of(3), ErrorCode::unavailable);  // had its answer
}

TEST_F(BacklogTest, a_job_discarded_while_it_is_left_for_later_is_not_left) {
  const auto job = accept(1, bytes_for("a"));
  EXPECT_EQ(take(), 1u);
  bool runs = false;
  EXPECT_TRUE(backlog_.discard(1, runs));
  EXPECT_TRUE(runs);
  EXPECT_FALSE(backlog_.set_waiting(job, error()));
  EXPECT_EQ(backlog_.counts().waiting, 0u);
  EXPECT_FALSE(is_ready(1));
}

TEST_F(BacklogTest, lets_in_what_has_room_and_no_more) {
  std::vector<JobPtr> jobs;
  for (std::uint64_t id = 1; id <= 4; ++id)
    jobs.push_back(accept(id, bytes_for(std::to_string(id), 25)));
  const auto refused = backlog_.reserve(1, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::limit);
  backlog_.end(jobs[0], Uploaded{});
  EXPECT_FALSE(backlog_.reserve(1, 26));
  EXPECT_TRUE(backlog_.reserve(1, 25));
  backlog_.release(1, 25);
  EXPECT_TRUE(backlog_.reserve(1, 0));
}

TEST_F(BacklogTest, refuses_at_once_what_would_never_fit) {
  for (const auto& [jobs, bytes] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {5, 0}, {1, 101}, {~0ull, 0}, {1, ~0ull}}) {
    const auto refused = backlog_.reserve(jobs, bytes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::limit);
    EXPECT_NE(refused.error().remedy(), "");
  }
}

TEST(Backlog, lets_a_caller_in_that_waited_for_room) {
  Backlog backlog({.pending_max = 1, .journal_bytes_max = 1, .timeout = 1min}, [] {});
  ASSERT_TRUE(backlog.reserve(1, 0));
  std::promise<void> waits;
  auto second = std::async(std::launch::async, [&] {
    waits.set_value();
    return backlog.reserve(1, 0);
  });
  waits.get_future().wait();
  backlog.release(1, 0);
  EXPECT_TRUE(second.get());
}

TEST(Backlog, closing_wakes_whoever_waits_for_room_or_for_outcomes) {
  Backlog backlog({.pending_max = 1, .journal_bytes_max = 1, .timeout = 1min}, [] {});
  ASSERT_TRUE(backlog.reserve(1, 0));
  const auto job = std::make_shared<Job>(1, bytes_for("a"), false);
  const Upload upload = job->upload;
  backlog.add(job);
  backlog.commit(job);
  auto room = std::async(std::launch::async, [&] { return backlog.reserve(1, 0); });
  auto settled = std::async(std::launch::async, [&] { return backlog.wait_settled(1min); });
  backlog.close(Error(ErrorCode::closed, "closed"));
  EXPECT_EQ(room.get().error().code(), ErrorCode::closed);
  EXPECT_EQ(settled.get().error().code(), ErrorCode::closed);
  EXPECT_EQ(upload.get().error().code(), ErrorCode::closed);
  EXPECT_FALSE(backlog.take());
  EXPECT_FALSE(backlog.join(file_for("a")));
  EXPECT_FALSE(backlog.reserve(1, 0));
}

TEST(Backlog, work_that_is_accepted_while_it_closes_has_an_outcome) {
  Backlog backlog({.pending_max = 2, .journal_bytes_max = 1, .timeout = 1min}, [] {});
  ASSERT_TRUE(backlog.reserve(2, 0));
  const auto early = std::make_shared<Job>(1, bytes_for("a"), false);
  const auto late = std::make_shared<Job>(2, bytes_for("a"), false);
  backlog.add(early);
  backlog.close(Error(ErrorCode::closed, "closed"));
  backlog.add(late);
  for (const auto& job : {early, late}) {
    const Upload upload = job->upload;
    backlog.commit(job);
    ASSERT_EQ(upload.wait_for(0s), std::future_status::ready) << job->id;
    EXPECT_EQ(upload.get().error().code(), ErrorCode::closed);
  }
}

TEST_F(BacklogTest, a_flush_returns_each_error_once) {
  const auto job = accept(1, bytes_for("a"));
  const auto second = accept(2, bytes_for("b"));
  const auto too_early = backlog_.wait_settled(1ms);
  ASSERT_FALSE(too_early);
  EXPECT_EQ(too_early.error().code(), ErrorCode::timeout);
  backlog_.end(job, fail(error(ErrorCode::precondition)));
  backlog_.end(second, fail(error(ErrorCode::bad_input)));
  const auto first = backlog_.wait_settled(1ms);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code(), ErrorCode::precondition);
  EXPECT_TRUE(backlog_.wait_settled(1ms));
}

TEST_F(BacklogTest, a_flush_counts_work_that_waits_as_settled_with_its_error) {
  const auto job = accept(1, bytes_for("a"));
  EXPECT_EQ(take(), 1u);
  EXPECT_TRUE(backlog_.set_waiting(job, error(ErrorCode::permission)));
  const auto flushed = backlog_.wait_settled(1ms);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code(), ErrorCode::permission);
  EXPECT_TRUE(backlog_.wait_settled(1ms));
}

TEST_F(BacklogTest, a_flush_does_not_wait_for_work_accepted_after_it) {
  const auto job = accept(1, bytes_for("a"));
  auto flushed = std::async(std::launch::async, [&] { return backlog_.wait_settled(1min); });
  // The flush may begin before or after the second job; the first ends it in both cases once the
  // second has ended too.
  const auto second = accept(2, bytes_for("b"));
  backlog_.end(job, Uploaded{});
  backlog_.end(second, Uploaded{});
  EXPECT_TRUE(flushed.get());
}

TEST_F(BacklogTest, a_flush_may_wait_for_ever) {
  accept(1, bytes_for("a"));
  auto flushed = std::async(
      std::launch::async, [&] { return backlog_.wait_settled(std::chrono::milliseconds::max()); });
  EXPECT_EQ(flushed.wait_for(50ms), std::future_status::timeout);
  backlog_.end(backlog_.take(), Uploaded{});
  EXPECT_TRUE(flushed.get());
}

TEST_F(BacklogTest, tells_what_is_pending) {
  accept(3, file_for("b", "/x"));
  UploadJobRecord first = bytes_for("a", 9);
  backlog_.recover(std::make_shared<Job>(1, first, true));
  const auto pending = backlog_.pending();
  ASSERT_EQ(pending.size(), 2u);
  EXPECT_EQ(pending[0].id, 1u);
  EXPECT_TRUE(pending[0].is_recovered);
  EXPECT_EQ(pending[0].bytes, 9u);
  EXPECT_EQ(pending[1].file, "/x");
  EXPECT_EQ(backlog_.counts().pending_bytes, 9u);
  EXPECT_EQ(backlog_.counts().journal_bytes, 9u);
}

TEST_F(BacklogTest, recovers_more_than_its_bounds_and_accepts_nothing_until_there_is_room) {
  std::vector<JobPtr> jobs;
  for (std::uint64_t id = 1; id <= 6; ++id) {
    jobs.push_back(std::make_shared<Job>(id, bytes_for(std::to_string(id), 50), true));
    backlog_.recover(jobs.back());
  }
  EXPECT_FALSE(backlog_.reserve(1, 0));
  for (std::size_t i = 0; i < 4; ++i) backlog_.end(jobs[i], Uploaded{});
  EXPECT_FALSE(backlog_.reserve(1, 1));
  EXPECT_TRUE(backlog_.reserve(1, 0));
}

}  // namespace
}  // namespace shoal::upload
