// SPDX-License-Identifier: Apache-2.0
// Goal: a put in parts sends each part once, goes on where a dead process stopped, is of one
// version of its file, and leaves nothing on the bucket. Method: as put_test.cc; the calls of each
// scenario are counted.
#include <gtest/gtest.h>

#include "unit/upload/engine/engine_bench.h"

namespace shoal::testing {
namespace {

using namespace std::chrono_literals;
using Kind = UploadEvent::Kind;

class MultipartTest : public ::testing::Test, public EngineBench {
 protected:
  Result<Upload> put_file(const std::string& key = "k", const PutOptions& put_options = {}) {
    return engine->put_object_from_file(key, directory.path() / "f", put_options);
  }
  static ErrorCode code_of(const Result<Uploaded>& result) {
    return result ? ErrorCode::bug : result.error().code();
  }
  // An upload in parts of the key that somebody else has begun.
  void create_foreign() {
    bool is_made = false;
    bucket.create_upload("p/k", "", [&](Result<store::UploadId>) { is_made = true; });
    scheduler.run_until([&] { return is_made; });
  }
  // Until the bucket has so many parts and the journal has them too.
  void run_until_parts(std::uint64_t count) {
    store->set_delay(Call::upload_part, 20ms);  // the next one is not there yet
    ASSERT_TRUE(run_until([&] { return engine->stats().requests >= count; }));
    run_for(5ms);
  }
  const std::string text_ = text_of(8500);  // nine parts
};

TEST_F(MultipartTest, sends_each_part_once_and_nothing_else) {
  write_file("f", text_);
  start();
  const auto result = outcome_of(put_file("k", {.content_type = "t/x"}));
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(object("k"), text_);
  EXPECT_EQ(bucket.content_type_of("p/k"), "t/x");
  EXPECT_TRUE(result->etag.ends_with("-9"));
  EXPECT_EQ(result->bytes, 8500u);
  EXPECT_EQ(store->count(Call::create_upload), 1u);
  EXPECT_EQ(store->count(Call::upload_part), 9u);
  EXPECT_EQ(store->count(Call::complete_upload), 1u);
  EXPECT_EQ(store->count(), 11u);
  EXPECT_EQ(engine->stats().wire_bytes, 8500u);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST(Multipart, of_a_service_with_crcs_is_checked_as_a_whole) {
  EngineBench bench(store::Scheme::oss);
  const auto file = bench.write_file("f", EngineBench::text_of(8500));
  bench.start();
  ASSERT_TRUE(bench.outcome_of(bench.engine->put_object_from_file("k", file, {})));
  EXPECT_EQ(bench.object("k"), EngineBench::text_of(8500));
}

TEST_F(MultipartTest, begins_where_one_request_ends) {
  start();
  write_file("f", text_of(3000));
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(store->count(Call::put), 1u);
  write_file("f", text_of(3001));
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(store->count(Call::put), 1u);
  EXPECT_EQ(store->count(Call::upload_part), 4u);
  EXPECT_EQ(object("k"), text_of(3001));
}

TEST_F(MultipartTest, never_holds_more_in_memory_than_it_may) {
  options.memory_bytes_max = 5000;
  options.requests_in_flight_max = 64;
  write_file("f", text_of(50'000));
  start();
  store->set_delay(Call::upload_part, 10ms);
  std::uint64_t most = 0;
  store->on_call = [&](Call, std::uint64_t) {
    most = std::max(most, engine->stats().memory_bytes);
  };
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(put_file(key));
  ASSERT_TRUE(run_until_done());
  EXPECT_LE(most, 5000u);
  EXPECT_GT(most, 3000u);
  EXPECT_LE(store->body_bytes_max(), 5000u);
  EXPECT_EQ(store->count(Call::upload_part), 150u);
  EXPECT_EQ(engine->stats().memory_bytes, 0u);
}

TEST_F(MultipartTest, after_a_crash_only_missing_parts_are_sent) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  ASSERT_TRUE(put_file());
  run_until_parts(4);
  const auto bytes_sent = engine->pending().front().bytes_sent;
  EXPECT_GE(bytes_sent, 4000u);
  kill_and_start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), text_);
  EXPECT_EQ(store->count(Call::create_upload), 0u);
  EXPECT_EQ(store->count(Call::upload_part) + engine->stats().parts_resumed, 9u);
  EXPECT_GE(engine->stats().parts_resumed, 4u);
  EXPECT_EQ(store->count(Call::complete_upload), 1u);
}

TEST_F(MultipartTest, parts_of_this_process_do_not_count_as_resumed) {
  write_file("f", text_);
  start();
  store->fail_next(Call::complete_upload, passing(), 2);
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(store->count(Call::upload_part), 9u);
  EXPECT_EQ(engine->stats().parts_resumed, 0u);
}

TEST_F(MultipartTest, a_failed_part_alone_is_sent_again) {
  write_file("f", text_);
  start();
  store->fail_next(Call::upload_part, passing());
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(object("k"), text_);
  EXPECT_EQ(store->count(Call::create_upload), 1u);
  std::map<std::uint32_t, int> sends;
  for (const auto number : store->part_numbers()) ++sends[number];
  EXPECT_EQ(sends.size(), 9u);
  EXPECT_EQ(store->count(Call::upload_part), 10u);
}

TEST_F(MultipartTest, a_long_upload_that_gets_on_is_not_left_waiting) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  options.retry_for = 10min;
  start();
  store->set_delay(Call::upload_part, 6min);
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::upload_part && number % 3 == 0) store->fail_next(call, passing());
  };
  EXPECT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(count_events(Kind::waiting), 0u);
  EXPECT_GE(count_events(Kind::delayed), 3u);
}

TEST_F(MultipartTest, after_a_crash_a_file_that_changed_is_sent_anew) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  ASSERT_TRUE(put_file());
  run_until_parts(4);
  kill();
  write_file("f", text_of(5200, 'z'));
  start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), text_of(5200, 'z'));
  EXPECT_EQ(store->count(Call::abort_upload), 1u);
  EXPECT_EQ(store->count(Call::create_upload), 1u);
  EXPECT_EQ(store->count(Call::upload_part), 6u);
  EXPECT_EQ(engine->stats().parts_resumed, 0u);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, after_a_crash_a_file_that_became_small_is_sent_at_once) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  ASSERT_TRUE(put_file());
  run_until_parts(2);
  kill();
  write_file("f", "small");
  start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), "small");
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, an_upload_whose_create_answer_was_lost_is_found_and_aborted) {
  write_file("f", text_);
  start();
  create_foreign();
  run_for(1min);  // a stranger's upload, older than ours
  store->lose_next(Call::create_upload);
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(object("k"), text_);
  EXPECT_EQ(store->count(Call::create_upload), 2u);
  EXPECT_EQ(store->count(Call::list_uploads), 1u);
  EXPECT_EQ(store->count(Call::abort_upload), 1u);
  EXPECT_EQ(uploads_in_bucket(), std::vector<std::string>{"upload-1"});
}

TEST_F(MultipartTest, an_upload_that_was_created_as_the_process_died_is_found_and_aborted) {
  write_file("f", text_);
  start();
  store->lose_next(Call::create_upload);
  ASSERT_TRUE(put_file());
  run_until([&] { return count_events(Kind::delayed) == 1; });
  kill_and_start();
  EXPECT_EQ(uploads_in_bucket().size(), 1u);
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), text_);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, a_service_that_lists_no_uploads_does_not_stop_one) {
  write_file("f", text_);
  start();
  store->fail_always(Call::list_uploads, Error(ErrorCode::unsupported, "script: no list"));
  store->lose_next(Call::create_upload);
  EXPECT_TRUE(outcome_of(put_file()));
}

TEST_F(MultipartTest, an_upload_the_service_forgot_is_begun_anew_once) {
  write_file("f", text_);
  start();
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::upload_part && number == 5)
      bucket.abort_upload({.key = "p/k", .id = "upload-1"}, [](Result<void>) {});
  };
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(object("k"), text_);
  EXPECT_EQ(store->count(Call::create_upload), 2u);
  EXPECT_EQ(count_events(Kind::delayed), 0u);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, an_upload_the_service_always_forgets_is_tried_later) {
  write_file("f", text_);
  start();
  store->fail_next(Call::upload_part, Error(ErrorCode::not_found, "script: NoSuchUpload"), 12);
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_GE(count_events(Kind::delayed), 1u);
  EXPECT_EQ(count_events(Kind::refused), 0u);
  EXPECT_EQ(object("k"), text_);
}

TEST_F(MultipartTest, a_completion_whose_answer_was_lost_is_known_by_its_etag) {
  write_file("f", text_);
  start();
  store->lose_next(Call::complete_upload);
  const auto result = outcome_of(put_file());
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->was_there);
  EXPECT_EQ(store->count(Call::complete_upload), 1u);
  EXPECT_EQ(store->count(Call::head), 1u);
  EXPECT_EQ(store->count(Call::upload_part), 9u);
}

TEST_F(MultipartTest, a_completion_that_took_effect_as_the_process_died_is_known_by_its_etag) {
  write_file("f", text_);
  for (const bool no_clobber : {false, true}) {
    const std::string key = no_clobber ? "a" : "b";
    start();
    store->set_delay(Call::complete_upload, 20ms);
    store->lose_next(Call::complete_upload);
    store->on_call = [&](Call call, std::uint64_t) {
      if (call == Call::complete_upload) store->fail_always(Call::head, passing());
    };
    ASSERT_TRUE(put_file(key, {.no_clobber = no_clobber}));
    // With a condition the key is asked before the completion too.
    run_until([&] { return store->count(Call::head) == (no_clobber ? 2u : 1u); });
    kill_and_start();
    ASSERT_TRUE(run_until_done());
    EXPECT_EQ(object(key), text_);
    EXPECT_EQ(store->count(Call::upload_part), 0u);
    EXPECT_EQ(engine->stats().found_there, 1u);
    EXPECT_EQ(engine->stats().refused, 0u);
    end();
  }
}

// S3 answers some completions with 200 and an error in the body, which the store tells as this.
TEST_F(MultipartTest, a_completion_that_failed_late_is_done_again) {
  write_file("f", text_);
  start();
  store->fail_next(Call::complete_upload,
                   Error(ErrorCode::unavailable, "script: InternalError in a 200")
                       .with_retry(Retry::unknown_effect));
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(object("k"), text_);
  EXPECT_EQ(store->count(Call::complete_upload), 2u);
  EXPECT_EQ(store->count(Call::upload_part), 9u);
}

TEST_F(MultipartTest, no_clobber_leaves_an_object_alone_and_takes_its_parts_back) {
  write_file("f", text_);
  start();
  bucket.add("p/k", "theirs");
  EXPECT_EQ(code_of(outcome_of(put_file("k", {.no_clobber = true}))), ErrorCode::precondition);
  EXPECT_EQ(object("k"), "theirs");
  EXPECT_TRUE(uploads_in_bucket().empty());
  store->lose_next(Call::complete_upload);
  EXPECT_TRUE(outcome_of(put_file("free", {.no_clobber = true})));
}

// ---- files that change

TEST_F(MultipartTest, a_file_that_changed_while_it_was_read_is_sent_whole_in_its_newest_version) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::upload_part && number == 5) write_file("f", text_of(6100, 'n'));
  };
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(object("k"), text_of(6100, 'n'));
  EXPECT_EQ(count_events(Kind::changed), 1u);
  EXPECT_EQ(store->count(Call::abort_upload), 1u);
  EXPECT_EQ(store->count(Call::complete_upload), 1u);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, a_file_that_changed_behind_its_last_part_is_not_completed) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::upload_part && number == 9) write_file("f", text_of(8500, 'n'));
  };
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(object("k"), text_of(8500, 'n'));
  EXPECT_EQ(store->count(Call::complete_upload), 1u);
}

TEST_F(MultipartTest, a_file_that_was_replaced_by_rename_ends_as_the_new_one) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::upload_part && number == 5) replace_file("f", text_of(7100, 'r'));
  };
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(object("k"), text_of(7100, 'r'));
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, a_file_that_was_deleted_while_it_was_sent_is_sent_whole) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::upload_part && number == 5) std::filesystem::remove(directory.path() / "f");
  };
  ASSERT_TRUE(outcome_of(put_file()));
  EXPECT_EQ(object("k"), text_);
}

TEST_F(MultipartTest, a_file_that_is_gone_after_a_crash_is_refused_and_its_parts_go) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  ASSERT_TRUE(put_file());
  run_until_parts(2);
  kill();
  std::filesystem::remove(directory.path() / "f");
  start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(count_events(Kind::refused), 1u);
  EXPECT_EQ(events.back().error, ErrorCode::not_found);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, a_file_that_is_gone_after_a_lost_create_leaves_no_upload) {
  write_file("f", text_);
  start();
  store->lose_next(Call::create_upload);
  const auto upload = put_file();
  run_until([&] { return count_events(Kind::delayed) == 1; });
  std::filesystem::remove(directory.path() / "f");
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::not_found);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

// ---- discarding

TEST_F(MultipartTest, discarding_takes_the_parts_off_the_bucket) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  const auto upload = put_file();
  const auto next = engine->put_object("k", as_bytes(std::string_view("next")), {});
  run_until_parts(3);
  EXPECT_TRUE(engine->discard(engine->pending().front().id));
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::canceled);
  EXPECT_TRUE(uploads_in_bucket().empty());
  EXPECT_LT(store->count(Call::upload_part), 9u);
  EXPECT_TRUE(outcome_of(next));
}

TEST_F(MultipartTest, discarding_before_anything_runs_takes_the_parts_of_a_dead_process) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  ASSERT_TRUE(put_file());
  run_until_parts(3);
  kill();
  options.start_paused = true;
  start();
  ASSERT_EQ(uploads_in_bucket().size(), 1u);
  EXPECT_TRUE(engine->discard(engine->pending().front().id));
  ASSERT_TRUE(run_until_done());
  EXPECT_TRUE(uploads_in_bucket().empty());
  EXPECT_EQ(store->count(Call::upload_part), 0u);
}

TEST_F(MultipartTest, discarding_while_a_part_fails_takes_the_others_off_the_bucket) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  const auto upload = put_file();
  run_until_parts(3);
  store->fail_always(Call::upload_part, passing());  // also the one that is under way
  EXPECT_TRUE(engine->discard(engine->pending().front().id));
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::canceled);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, discarding_after_a_lost_create_leaves_no_upload) {
  write_file("f", text_);
  start();
  store->lose_next(Call::create_upload);
  const auto upload = put_file();
  run_until([&] { return count_events(Kind::delayed) == 1; });
  EXPECT_TRUE(engine->discard(engine->pending().front().id));
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::canceled);
  EXPECT_TRUE(uploads_in_bucket().empty());
}

TEST_F(MultipartTest, discarding_ends_also_when_the_bucket_does_not_answer) {
  write_file("f", text_);
  options.requests_in_flight_max = 1;
  start();
  const auto upload = put_file();
  run_until_parts(3);
  store->fail_always(Call::abort_upload, passing());
  EXPECT_TRUE(engine->discard(engine->pending().front().id));
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::canceled);
  EXPECT_EQ(engine->stats().pending, 0u);
}

}  // namespace
}  // namespace shoal::testing
