// SPDX-License-Identifier: Apache-2.0
// Goal: what is appended is in the object once, in order, and over nobody else's bytes. Method: as
// put_test.cc.
#include <gtest/gtest.h>

#include "unit/upload/engine/engine_bench.h"

namespace shoal::testing {
namespace {

using namespace std::chrono_literals;

class AppendTest : public ::testing::Test, public EngineBench {
 protected:
  AppendTest() : EngineBench(store::Scheme::oss) {}
  Result<Upload> append(const std::string& text, std::optional<std::uint64_t> position = {}) {
    return engine->append_object("k", position, as_bytes(text));
  }
  static ErrorCode code_of(const Result<Uploaded>& result) {
    return result ? ErrorCode::bug : result.error().code();
  }
};

TEST_F(AppendTest, at_the_end_asks_where_it_is_and_sends_once) {
  start();
  bucket.add("p/k", "begin ");
  const auto result = outcome_of(append("more"));
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(object("k"), "begin more");
  EXPECT_EQ(result->next_position, 10u);
  EXPECT_EQ(result->bytes, 4u);
  EXPECT_EQ(store->count(Call::head), 1u);
  EXPECT_EQ(store->count(Call::append), 1u);
  EXPECT_EQ(store->count(), 2u);
}

TEST_F(AppendTest, at_a_position_costs_one_request) {
  start();
  EXPECT_TRUE(outcome_of(append("one", 0)));
  EXPECT_TRUE(outcome_of(append("two", 3)));
  EXPECT_EQ(object("k"), "onetwo");
  EXPECT_EQ(store->count(), 2u);
}

TEST_F(AppendTest, a_wrong_position_is_final) {
  start();
  bucket.add("p/k", "12345");
  EXPECT_EQ(code_of(outcome_of(append("x", 3))), ErrorCode::precondition);
  EXPECT_EQ(code_of(outcome_of(append("x", 7))), ErrorCode::precondition);
  EXPECT_EQ(object("k"), "12345");
  EXPECT_EQ(engine->stats().pending, 0u);
}

TEST_F(AppendTest, two_in_a_row_stand_in_their_order) {
  start();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(append(std::to_string(i)));
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), "0123456789");
  EXPECT_EQ(store->count(Call::append), 10u);
}

TEST_F(AppendTest, long_bytes_go_in_pieces) {
  start();
  const std::string text = text_of(70'500);
  ASSERT_TRUE(outcome_of(append(text)));
  EXPECT_EQ(object("k"), text);
  EXPECT_EQ(store->count(Call::append), 71u);
  EXPECT_EQ(files_in_spool(), 0u);
}

TEST_F(AppendTest, no_bytes_make_an_object) {
  start();
  ASSERT_TRUE(outcome_of(append("")));
  EXPECT_EQ(object("k"), "");
}

TEST_F(AppendTest, a_lost_answer_costs_a_look_and_nothing_is_there_twice) {
  start();
  bucket.add("p/k", "begin ");
  store->lose_next(Call::append);
  const auto result = outcome_of(append("more"));
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(object("k"), "begin more");
  EXPECT_TRUE(result->was_there);
  EXPECT_EQ(store->count(Call::append), 1u);
  EXPECT_EQ(store->count(Call::get), 1u);
}

TEST_F(AppendTest, lost_answers_of_pieces_lose_no_piece_and_double_none) {
  start();
  const std::string text = text_of(5500);
  store->on_call = [&](Call call, std::uint64_t number) {
    if (call == Call::append && number % 2 == 0) store->lose_next(call);
  };
  ASSERT_TRUE(outcome_of(append(text)));
  ASSERT_TRUE(outcome_of(append("end")));
  EXPECT_EQ(object("k"), text + "end");
}

TEST_F(AppendTest, a_crash_at_any_moment_leaves_every_byte_once) {
  std::string expected;
  for (int round = 0; round < 40; ++round) {
    start();
    const std::string text = text_of(2500, static_cast<char>('A' + round % 26));
    ASSERT_TRUE(append(text));
    expected += text;
    run_for(std::chrono::microseconds(150 * round));
    kill();
  }
  start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), expected);
  EXPECT_EQ(engine->stats().refused, 0u);
}

TEST_F(AppendTest, a_crash_between_position_and_bytes_sends_them_where_they_were_meant) {
  start();
  bucket.add("p/k", "begin ");
  store->set_delay(Call::append, 1h);
  ASSERT_TRUE(append("more"));
  run_until([&] { return store->count(Call::append) == 1; });
  kill_and_start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), "begin more");
  EXPECT_EQ(store->count(Call::append), 1u);
}

TEST_F(AppendTest, other_bytes_in_the_same_place_are_a_precondition) {
  start();
  bucket.add("p/k", "begin ");
  store->set_delay(Call::append, 1h);
  ASSERT_TRUE(append("more"));
  run_until([&] { return store->count(Call::append) == 1; });
  kill();
  bucket.add("p/k", "begin else");
  start();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), "begin else");
  EXPECT_EQ(events.back().kind, UploadEvent::Kind::refused);
  EXPECT_EQ(events.back().error, ErrorCode::precondition);
}

TEST_F(AppendTest, an_object_that_became_shorter_is_a_precondition) {
  start();
  bucket.add("p/k", "begin ");
  store->fail_next(Call::append, passing());
  const auto upload = append("more");
  run_until([&] { return count_events(UploadEvent::Kind::delayed) == 1; });
  bucket.add("p/k", "b");
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::precondition);
}

TEST_F(AppendTest, a_service_without_appends_refuses_it_for_good) {
  start();
  store->fail_always(Call::append, Error(ErrorCode::unsupported, "script: no append"));
  EXPECT_EQ(code_of(outcome_of(append("x", 0))), ErrorCode::unsupported);
  EXPECT_EQ(engine->stats().pending, 0u);
}

TEST_F(AppendTest, behind_a_put_and_a_removal_begins_where_these_end) {
  start();
  ASSERT_TRUE(engine->put_object("k", as_bytes(std::string_view("put ")), {}));
  ASSERT_TRUE(append("a"));
  ASSERT_TRUE(engine->remove_object("k"));
  ASSERT_TRUE(append("b"));
  ASSERT_TRUE(append("c"));
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(object("k"), "bc");
}

TEST_F(AppendTest, discarded_between_pieces_sends_no_more) {
  start();
  store->set_delay(Call::append, 1s);
  const auto upload = append(text_of(9000));
  run_until([&] { return store->count(Call::append) == 3; });
  EXPECT_TRUE(engine->discard(engine->pending().front().id));
  EXPECT_EQ(code_of(outcome_of(upload)), ErrorCode::canceled);
  EXPECT_EQ(store->count(Call::append), 3u);
}

}  // namespace
}  // namespace shoal::testing
