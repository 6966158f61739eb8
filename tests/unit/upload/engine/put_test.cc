// SPDX-License-Identifier: Apache-2.0
// Goal: a put ends in the bucket once, whole and in order, for the number of requests it is worth.
// Method: the production engine in virtual time over a memory bucket whose calls are counted and
// fail as each scenario says; processes are ended and begun again over the same journal.
#include <gtest/gtest.h>

#include "unit/upload/engine/engine_bench.h"

namespace shoal::testing {
namespace {

using namespace std::chrono_literals;
using Kind = UploadEvent::Kind;

class PutTest : public ::testing::Test, public EngineBench {
 protected:
  Result<Upload> put(const std::string& key, const std::string& text,
                     const PutOptions& put_options = {}) {
    return engine->put_object(key, as_bytes(text), put_options);
  }
  static ErrorCode code_of(const Result<Uploaded>& result) {
    return result ? ErrorCode::bug : result.error().code();
  }
};

TEST_F(PutTest, a_file_costs_one_request) {
  start();
  const auto file = write_file("f", "content");
  const auto result = outcome_of(engine->put_object_from_file("k", file, {.content_type = "t/x"}));
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(object("k"), "content");
  EXPECT_EQ(bucket.content_type_of("p/k"), "t/x");
  EXPECT_EQ(result->key, "p/k");
  EXPECT_EQ(result->etag, bucket.add("other", "content"));
  EXPECT_EQ(result->bytes, 7u);
  EXPECT_FALSE(result->was_there);
  EXPECT_EQ(store->count(Call::put), 1u);
  EXPECT_EQ(store->count(), 1u);
}

TEST_F(PutTest, bytes_cost_one_request_whether_they_are_few_or_many) {
  options.single_put_bytes_max = 1u << 20;
  start();
  for (const std::size_t bytes : {0u, 1u, 65'536u, 65'537u, 200'000u}) {
    const std::string text = text_of(bytes);
    ASSERT_TRUE(outcome_of(put("k", text)));
    EXPECT_EQ(object("k"), text);
  }
  EXPECT_EQ(store->count(Call::put), 5u);
  EXPECT_EQ(store->count(), 5u);
  EXPECT_EQ(files_in_spool(), 0u);
}

TEST_F(PutTest, many_files_are_accepted_together_or_not_at_all) {
  start();
  std::vector<FileToPut> files;
  for (int i = 0; i < 20; ++i)
    files.push_back({.key = std::to_string(i), .file = write_file(std::to_string(i), "x")});
  auto uploads = engine->put_objects_from_files(files);
  ASSERT_TRUE(uploads);
  for (const Upload& upload : *uploads) EXPECT_TRUE(outcome_of(upload));
  EXPECT_EQ(store->count(), 20u);

  files.push_back({.key = "missing", .file = "/nonexistent"});
  EXPECT_EQ(engine->put_objects_from_files(files).error().code(), ErrorCode::not_found);
  EXPECT_EQ(engine->stats().pending, 0u);
  EXPECT_TRUE(engine->put_objects_from_files({})->empty());
}

TEST_F(PutTest, refuses_what_cannot_be_meant) {
  start();
  EXPECT_EQ(put("", "x").error().code(), ErrorCode::bad_input);
  EXPECT_EQ(put(std::string(1023, 'k'), "x").error().code(), ErrorCode::bad_input);
  EXPECT_EQ(put("k", "x", {.no_clobber = true, .if_match = "e"}).error().code(),
            ErrorCode::bad_input);
  EXPECT_EQ(put("k", "x", {.content_type = "a\r\nb"}).error().code(), ErrorCode::bad_input);
  EXPECT_EQ(engine->put_object_from_file("k", directory.path(), {}).error().code(),
            ErrorCode::bad_input);
  EXPECT_EQ(engine->stats().accepted, 0u);
  EXPECT_EQ(store->count(), 0u);
}

TEST_F(PutTest, nothing_runs_before_it_is_started) {
  start();
  store->set_delay(Call::put, 1h);
  ASSERT_TRUE(put("k", "x"));
  kill();
  begin();
  run_for(1min);
  EXPECT_EQ(store->count(), 0u);
  EXPECT_EQ(engine->stats().recovered, 1u);
  engine->start();
  EXPECT_TRUE(run_until_done());
}

TEST_F(PutTest, nothing_is_sent_while_it_is_paused) {
  options.start_paused = true;
  start();
  const auto upload = put("k", "x");
  run_for(1min);
  EXPECT_EQ(store->count(), 0u);
  engine->resume();
  EXPECT_TRUE(outcome_of(upload));
}

// ---- crashes and lost answers

TEST_F(PutTest, recovered_work_that_is_there_costs_a_question_and_is_not_sent) {
  start();
  store->set_delay(Call::put, 1h);
  ASSERT_TRUE(put("k", "content"));
  run_for(1s);
  bucket.add("p/k", "content");  // it had arrived; nobody was left to note it
  kill_and_start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(store->count(Call::head), 1u);
  EXPECT_EQ(store->count(), 1u);
  EXPECT_EQ(engine->stats().found_there, 1u);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].is_recovered);
  EXPECT_TRUE(events[0].result->was_there);
  kill_and_start();
  EXPECT_EQ(engine->stats().recovered, 0u);
}

TEST_F(PutTest, recovered_work_that_is_not_there_is_sent_after_a_question) {
  start();
  store->set_delay(Call::put, 1h);
  const auto file = write_file("f", "from a file");
  ASSERT_TRUE(put("bytes", "few"));
  ASSERT_TRUE(put("many", text_of(100'000)));
  ASSERT_TRUE(engine->put_object_from_file("file", file, {}));
  ASSERT_TRUE(engine->put_object_from_file("copy", file, {.copy = true}));
  bucket.add("p/file", "something else");
  options.single_put_bytes_max = 1u << 20;
  kill_and_start();
  EXPECT_EQ(engine->stats().recovered, 4u);
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("bytes"), "few");
  EXPECT_EQ(object("many"), text_of(100'000));
  EXPECT_EQ(object("file"), "from a file");
  EXPECT_EQ(object("copy"), "from a file");
  EXPECT_EQ(store->count(Call::head), 4u);
  EXPECT_EQ(store->count(Call::put), 4u);
  EXPECT_EQ(files_in_spool(), 0u);
}

TEST_F(PutTest, a_lost_answer_costs_a_question_and_no_second_send) {
  start();
  store->lose_next(Call::put);
  const auto result = outcome_of(put("k", "content"));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->was_there);
  EXPECT_EQ(store->count(Call::put), 1u);
  EXPECT_EQ(store->count(Call::head), 1u);
  EXPECT_EQ(count_events(Kind::delayed), 1u);
}

TEST_F(PutTest, a_copy_whose_file_is_gone_after_a_crash_is_said_and_its_key_goes_on) {
  start();
  store->set_delay(Call::put, 1h);
  ASSERT_TRUE(put("k", text_of(70'000)));
  ASSERT_TRUE(put("k", "later"));
  kill();
  std::filesystem::remove_all(journal_directory() / "spool");
  options.retry_for = 0s;
  start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), "later");
  EXPECT_EQ(count_events(Kind::refused), 1u);
}

TEST_F(PutTest, a_copy_that_is_torn_after_a_crash_is_not_sent) {
  for (const std::uint64_t single : {1000u, 1u << 20}) {
    options.single_put_bytes_max = single;
    start();
    for (const Call call : {Call::put, Call::create_upload}) store->set_delay(call, 10h);
    ASSERT_TRUE(put("k", text_of(70'000)));
    kill();
    for (const auto& entry : std::filesystem::directory_iterator(journal_directory() / "spool"))
      std::filesystem::resize_file(entry.path(), 4096);
    start();
    EXPECT_TRUE(run_until([&] { return engine->stats().waiting == 1; }));
    EXPECT_EQ(object("k"), "(missing)");
    EXPECT_EQ(events.back().error, ErrorCode::corrupt);
    EXPECT_TRUE(engine->discard(engine->pending().front().id));
    EXPECT_TRUE(run_until_done());
    end();
  }
}

// ---- conditions

TEST_F(PutTest, no_clobber_leaves_an_object_alone) {
  start();
  bucket.add("p/k", "theirs");
  EXPECT_EQ(code_of(outcome_of(put("k", "ours", {.no_clobber = true}))), ErrorCode::precondition);
  EXPECT_EQ(object("k"), "theirs");
  EXPECT_EQ(store->count(), 1u);
  EXPECT_EQ(engine->stats().refused, 1u);
  EXPECT_TRUE(outcome_of(put("free", "ours", {.no_clobber = true})));
}

TEST_F(PutTest, no_clobber_knows_its_own_object_after_a_lost_answer) {
  start();
  store->lose_next(Call::put);
  const auto result = outcome_of(put("k", "ours", {.no_clobber = true}));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->was_there);
  EXPECT_EQ(store->count(Call::put), 1u);
}

TEST_F(PutTest, no_clobber_is_refused_when_another_object_came_after_a_passing_error) {
  start();
  store->fail_next(Call::put, passing());
  const auto upload = put("k", "ours", {.no_clobber = true});
  run_until([&] { return store->count(Call::put) == 1; });
  bucket.add("p/k", "theirs");
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::precondition);
  EXPECT_EQ(object("k"), "theirs");
}

TEST_F(PutTest, if_match_replaces_that_version_only) {
  start();
  const auto version = bucket.add("p/k", "one");
  EXPECT_TRUE(outcome_of(put("k", "two", {.if_match = version})));
  EXPECT_EQ(code_of(outcome_of(put("k", "three", {.if_match = version}))), ErrorCode::precondition);
  EXPECT_EQ(object("k"), "two");
  store->lose_next(Call::put);
  const auto result = outcome_of(put("k", "four", {.if_match = bucket.add("p/k", "two")}));
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(object("k"), "four");
}

// ---- files that change

TEST_F(PutTest, a_file_that_changed_while_it_was_sent_is_sent_again) {
  start();
  const auto file = write_file("f", "old");
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::put && number == 1) write_file("f", "newer content");
  };
  const auto result = outcome_of(engine->put_object_from_file("k", file, {}));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->bytes, 13u);
  EXPECT_EQ(object("k"), "newer content");
  EXPECT_EQ(store->count(Call::put), 2u);
  EXPECT_EQ(count_events(Kind::changed), 1u);
  EXPECT_EQ(engine->stats().changed_files, 1u);
}

TEST_F(PutTest, a_file_that_always_changes_is_sent_again_for_as_long_as_anything_is) {
  options.retry_for = 1min;
  start();
  const auto file = write_file("f", "0");
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::put) write_file("f", std::string(number + 1, 'x'));
  };
  const auto outcome = outcome_of(engine->put_object_from_file("k", file, {}));
  EXPECT_EQ(code_of(outcome), ErrorCode::unavailable);
  EXPECT_NE(outcome.error().message().find("has not stopped changing"), std::string::npos);
  EXPECT_GT(store->count(Call::put), 10u);
  EXPECT_LT(store->count(Call::put), 60u);
  EXPECT_EQ(object("k").find_first_not_of('x'), std::string::npos);
  EXPECT_EQ(engine->stats().waiting, 1u);
}

TEST_F(PutTest, a_file_that_is_gone_is_refused_and_its_key_goes_on) {
  options.start_paused = true;
  start();
  const auto file = write_file("f", "x");
  const auto gone = engine->put_object_from_file("k", file, {});
  const auto next = put("k", "later");
  std::filesystem::remove(file);
  engine->resume();
  EXPECT_EQ(code_of(outcome_of(gone)), ErrorCode::not_found);
  EXPECT_TRUE(outcome_of(next));
  EXPECT_EQ(object("k"), "later");
  EXPECT_EQ(store->count(Call::put), 1u);
}

TEST_F(PutTest, a_missing_bucket_is_no_missing_file) {
  start();
  const auto file = write_file("f", "x");
  bucket.set_bucket_exists(false);
  const auto upload = engine->put_object_from_file("k", file, {});
  run_for(1min);
  EXPECT_FALSE(is_ready(*upload));
  bucket.set_bucket_exists(true);
  EXPECT_TRUE(outcome_of(upload));
}

TEST_F(PutTest, a_copy_is_of_the_moment_of_the_call) {
  options.start_paused = true;
  start();
  const auto file = write_file("f", "as it was");
  const auto upload = engine->put_object_from_file("k", file, {.copy = true});
  std::filesystem::remove(file);
  engine->resume();
  ASSERT_TRUE(outcome_of(upload));
  EXPECT_EQ(object("k"), "as it was");
  EXPECT_EQ(files_in_spool(), 0u);
  EXPECT_EQ(engine->stats().journal_bytes, 0u);
}

// ---- order

TEST_F(PutTest, the_last_write_of_a_key_wins) {
  start();
  for (int i = 0; i < 10; ++i)
    for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(put(key, key + std::to_string(i)));
  ASSERT_TRUE(run_until_done());
  for (const std::string key : {"a", "b", "c"}) EXPECT_EQ(object(key), key + "9");
  std::map<std::string, std::uint64_t> last;
  for (const SeenEvent& event : events) {
    EXPECT_EQ(event.kind, Kind::sent);
    EXPECT_LT(last[event.key], event.id);
    last[event.key] = event.id;
  }
  EXPECT_EQ(store->count(), 30u);
}

TEST_F(PutTest, a_second_put_of_a_file_that_waits_is_the_same_work) {
  options.start_paused = true;
  start();
  const auto file = write_file("f", "old");
  const auto first = engine->put_object_from_file("k", file, {});
  write_file("f", "newest");
  const auto second = engine->put_object_from_file("k", file, {});
  engine->resume();
  ASSERT_TRUE(outcome_of(first));
  ASSERT_TRUE(outcome_of(second));
  EXPECT_EQ(object("k"), "newest");
  EXPECT_EQ(store->count(Call::put), 1u);
  EXPECT_EQ(engine->stats().accepted, 1u);
}

TEST_F(PutTest, a_second_put_while_the_first_is_sent_brings_the_newest_bytes) {
  start();
  const auto file = write_file("f", "old");
  store->set_delay(Call::put, 1s);
  const auto first = engine->put_object_from_file("k", file, {});
  run_until([&] { return store->count(Call::put) == 1; });
  write_file("f", "newest");
  const auto second = engine->put_object_from_file("k", file, {});
  ASSERT_TRUE(outcome_of(second));
  EXPECT_EQ(object("k"), "newest");
  ASSERT_TRUE(outcome_of(first));
  EXPECT_EQ(store->count(Call::put), 2u);
}

TEST_F(PutTest, a_put_over_another_one_of_its_key_is_not_joined) {
  options.start_paused = true;
  start();
  const auto file = write_file("f", "file");
  ASSERT_TRUE(engine->put_object_from_file("k", file, {}));
  ASSERT_TRUE(put("k", "bytes"));
  ASSERT_TRUE(engine->put_object_from_file("k", file, {}));
  engine->resume();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), "file");
  EXPECT_EQ(store->count(Call::put), 3u);
}

// ---- trouble

TEST_F(PutTest, passing_errors_are_tried_again_with_growing_delays) {
  start();
  store->fail_next(Call::put, Error(ErrorCode::permission, "script: not allowed"), 4);
  ASSERT_TRUE(outcome_of(put("k", "x")));
  EXPECT_EQ(store->count(Call::put), 5u);
  EXPECT_EQ(engine->stats().retries, 4u);
  ASSERT_EQ(count_events(Kind::delayed), 4u);
  const Duration first = events[1].at - events[0].at;
  const Duration last = events[4].at - events[3].at;
  EXPECT_GE(first, 100ms);
  EXPECT_GT(last, first);
  EXPECT_LE(last, 2s);
  EXPECT_EQ(events[0].error, ErrorCode::permission);
}

TEST_F(PutTest, waits_as_long_as_the_service_asks) {
  start();
  store->fail_next(Call::put,
                   Error(ErrorCode::throttled, "script: slow down").with_retry(Retry::yes, 90s));
  const auto before = scheduler.now();
  ASSERT_TRUE(outcome_of(put("k", "x")));
  EXPECT_GE(scheduler.now() - before, 90s);
}

TEST_F(PutTest, work_whose_time_has_passed_waits_until_its_key_has_new_work) {
  options.retry_for = 10min;
  start();
  store->fail_always(Call::put, passing());
  const auto first = put("k", "one");
  const auto second = put("k", "two");
  EXPECT_EQ(code_of(outcome_of(first)), ErrorCode::unavailable);
  EXPECT_EQ(code_of(outcome_of(second)), ErrorCode::unavailable);
  EXPECT_EQ(count_events(Kind::waiting), 1u);
  EXPECT_EQ(engine->stats().waiting, 2u);
  EXPECT_EQ(engine->stats().pending, 2u);
  EXPECT_TRUE(engine->pending()[0].is_waiting);
  EXPECT_FALSE(engine->flush(1ms));
  EXPECT_TRUE(engine->flush(1ms));
  store->heal(Call::put);
  run_for(1h);
  EXPECT_EQ(object("k"), "(missing)");

  const auto third = put("k", "three");
  EXPECT_TRUE(outcome_of(third));
  EXPECT_EQ(object("k"), "three");
  EXPECT_EQ(engine->stats().pending, 0u);
  EXPECT_EQ(engine->stats().sent, 3u);
}

TEST_F(PutTest, work_that_waits_goes_on_at_the_next_start) {
  options.retry_for = 1s;
  start();
  store->fail_always(Call::put, passing());
  EXPECT_FALSE(outcome_of(put("k", "one")));
  end();
  start();
  EXPECT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), "one");
}

TEST_F(PutTest, a_retry_for_without_end_is_one) {
  options.retry_for = std::chrono::seconds::max();
  start();
  store->fail_next(Call::put, passing(), 3);
  EXPECT_TRUE(outcome_of(put("k", "x")));
  EXPECT_EQ(count_events(Kind::waiting), 0u);
}

// ---- discarding

TEST_F(PutTest, discards_work_that_has_not_begun) {
  options.start_paused = true;
  start();
  const auto upload = put("k", text_of(70'000));
  const auto other = put("k", "kept");
  const auto id = engine->pending().front().id;
  EXPECT_TRUE(engine->discard(id));
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::canceled);
  EXPECT_EQ(engine->discard(id).error().code(), ErrorCode::not_found);
  EXPECT_EQ(files_in_spool(), 0u);
  EXPECT_EQ(store->count(), 0u);
  engine->resume();
  EXPECT_TRUE(outcome_of(other));
}

TEST_F(PutTest, discards_work_between_two_tries) {
  options.retry_for = 0s;
  start();
  store->fail_always(Call::put, passing());
  const auto upload = put("k", "x");
  run_for(10s);
  EXPECT_TRUE(engine->discard(engine->pending().front().id));
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::canceled);
  EXPECT_EQ(engine->stats().pending, 0u);
}

TEST_F(PutTest, discards_work_that_waits_and_the_rest_of_its_key_stays) {
  options.retry_for = 1s;
  start();
  store->fail_always(Call::put, passing());
  ASSERT_FALSE(outcome_of(put("k", "x")));
  const auto id = engine->pending().front().id;
  EXPECT_TRUE(engine->discard(id));
  ASSERT_TRUE(run_until_done());
  store->heal(Call::put);
  EXPECT_TRUE(outcome_of(put("k", "next")));
}

// ---- the rest

TEST_F(PutTest, removes_objects_in_the_order_of_their_key) {
  start();
  ASSERT_TRUE(put("k", "one"));
  ASSERT_TRUE(engine->remove_object("k"));
  const auto last = engine->remove_object("k");
  ASSERT_TRUE(outcome_of(last));
  EXPECT_EQ(object("k"), "(missing)");
  EXPECT_EQ(store->count(Call::remove), 2u);
  store->lose_next(Call::remove);
  EXPECT_TRUE(outcome_of(engine->remove_object("missing")));
}

TEST_F(PutTest, counts_what_it_did) {
  start();
  ASSERT_TRUE(outcome_of(put("a", "12345")));
  bucket.add("p/b", "x");
  ASSERT_FALSE(outcome_of(put("b", "y", {.no_clobber = true})));
  store->fail_next(Call::put, passing());
  ASSERT_TRUE(outcome_of(put("c", "123")));
  store->set_delay(Call::put, 1h);
  ASSERT_TRUE(put("d", "1234567"));
  run_for(1s);
  const UploaderStats stats = engine->stats();
  EXPECT_EQ(stats.accepted, 4u);
  EXPECT_EQ(stats.recovered, 0u);
  EXPECT_EQ(stats.pending, 1u);
  EXPECT_EQ(stats.pending_bytes, 7u);
  EXPECT_EQ(stats.journal_bytes, 7u);
  EXPECT_EQ(stats.sent, 2u);
  EXPECT_EQ(stats.sent_bytes, 8u);
  EXPECT_EQ(stats.wire_bytes, 8u);
  EXPECT_EQ(stats.requests, 2u);
  EXPECT_EQ(stats.refused, 1u);
  EXPECT_EQ(stats.retries, 1u);
  EXPECT_EQ(stats.found_there, 0u);
  EXPECT_GT(stats.memory_bytes, 0u);
}

TEST_F(PutTest, remembers_what_was_sent_of_a_file_when_it_is_told_to) {
  options.remember_sent = true;
  start();
  const auto file = write_file("f", "content");
  ASSERT_TRUE(outcome_of(engine->put_object_from_file("k", file, {})));
  ASSERT_TRUE(outcome_of(put("bytes", "x")));
  const auto sent = engine->last_sent("k");
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->file, file);
  EXPECT_EQ(sent->size, 7u);
  EXPECT_EQ(sent->etag, bucket.add("x", "content"));
  EXPECT_EQ(sent->inode, sys::identity_of(file)->inode);
  EXPECT_EQ(sent->mtime_ns, sys::identity_of(file)->mtime_ns);
  EXPECT_FALSE(engine->last_sent("bytes"));
  kill_and_start();
  EXPECT_TRUE(engine->last_sent("k"));
  EXPECT_TRUE(engine->forget_sent());
  EXPECT_FALSE(engine->last_sent("k"));
}

TEST_F(PutTest, blocks_and_then_refuses_work_beyond_its_bounds) {
  options.pending_max = 2;
  options.journal_bytes_max = 100;
  options.start_paused = true;
  start();
  ASSERT_TRUE(put("a", text_of(60)));
  EXPECT_EQ(put("b", text_of(60)).error().code(), ErrorCode::limit);
  ASSERT_TRUE(put("b", text_of(40)));
  EXPECT_EQ(engine->remove_object("c").error().code(), ErrorCode::limit);
  EXPECT_EQ(put("d", text_of(101)).error().code(), ErrorCode::limit);
  const auto file = write_file("f", text_of(1000));
  EXPECT_EQ(engine->put_object_from_file("f", file, {.copy = true}).error().code(),
            ErrorCode::limit);
  engine->resume();
  ASSERT_TRUE(run_until_done());
  EXPECT_TRUE(outcome_of(put("d", text_of(100))));
  EXPECT_TRUE(outcome_of(engine->put_object_from_file("f", file, {})));
  EXPECT_EQ(engine->stats().journal_bytes, 0u);
}

TEST_F(PutTest, closing_gives_what_is_pending_an_end_and_keeps_it) {
  start();
  store->set_delay(Call::put, 30s);
  const auto running = put("a", "x");
  const auto behind = put("a", "y");
  run_for(1s);
  end();
  EXPECT_EQ(code_of(outcome_of(running)), ErrorCode::closed);
  EXPECT_EQ(code_of(outcome_of(behind)), ErrorCode::closed);
  start();
  EXPECT_EQ(engine->stats().recovered, 2u);
  EXPECT_TRUE(run_until_done());
  EXPECT_EQ(object("a"), "y");
}

// Whatever moment it is, closing ends, and a later process brings everything to its end.
TEST_F(PutTest, may_be_closed_at_any_moment) {
  options.remember_sent = true;
  for (int round = 0; round < 60; ++round) {
    start();
    store->set_delay(Call::upload_part, 300us);
    const auto file = write_file("f", text_of(5000 + static_cast<std::uint64_t>(round)));
    ASSERT_TRUE(engine->put_object_from_file("file", file, {}));
    ASSERT_TRUE(put("spooled", text_of(70'000)));
    ASSERT_TRUE(put("small", "x"));
    ASSERT_TRUE(engine->append_object("log", {}, as_bytes(std::string_view("line"))));
    ASSERT_TRUE(engine->remove_object("gone"));
    run_for(std::chrono::microseconds(200 * round));
    round % 2 == 0 ? end() : kill();
  }
  start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("file"), text_of(5059));
  EXPECT_EQ(object("spooled"), text_of(70'000));
  EXPECT_EQ(object("log").size(), 240u);
  EXPECT_TRUE(uploads_in_bucket().empty());
  EXPECT_EQ(files_in_spool(), 0u);
  EXPECT_EQ(engine->stats().memory_bytes, 0u);
}

}  // namespace
}  // namespace shoal::testing
