// SPDX-License-Identifier: Apache-2.0
// Goal: a command arrives as it was meant, and no malformed or hostile one has any effect.
// Method: encode and decode; a table of bodies that must be refused, each with the word its reason
// must hold.
#include "control/commands.h"

#include <gtest/gtest.h>

namespace shoal::control {
namespace {

using Action = WarmSpec::Action;
using Syntax = PathPattern::Syntax;

TEST(WarmCommand, arrives_as_it_was_sent_odd_bytes_too) {
  WarmSpec spec;
  spec.pin = true;
  spec.force = true;
  spec.parallel = 17;
  spec.timeout = std::chrono::seconds(5);
  const std::vector<std::string> texts{"a/*.csv", "\xff\xfe/odd", "", "größe/数据", "q\"\\\n"};
  for (const std::string& text : texts)
    spec.paths.push_back(*PathPattern::parse(text, Syntax::pattern));
  const auto back = decode_spec(Action::warm, encode_spec(spec, Syntax::pattern));
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_TRUE(back->pin && back->force);
  EXPECT_EQ(back->parallel, 17u);
  EXPECT_EQ(back->timeout, std::chrono::seconds(5));
  ASSERT_EQ(back->paths.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(back->paths[i].text(), texts[i]);
}

TEST(WarmCommand, literal_paths_stay_literal) {
  WarmSpec spec;
  spec.paths.push_back(*PathPattern::parse("a*", Syntax::literal));
  const auto back = decode_spec(Action::warm, encode_spec(spec, Syntax::literal));
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->paths[0].components()[0].matches("ab"));
}

TEST(WarmCommand, each_action_takes_its_own_fields_only) {
  for (const auto action : {Action::warm, Action::check, Action::unpin}) {
    WarmSpec spec;
    spec.action = action;
    spec.paths.push_back(*PathPattern::parse("a", Syntax::pattern));
    const auto back = decode_spec(action, encode_spec(spec, Syntax::pattern));
    ASSERT_TRUE(back) << name_of(action) << back.error().to_string();
    EXPECT_EQ(back->action, action);
  }
  EXPECT_FALSE(decode_spec(Action::check, R"({"paths":["a"],"pin":true})"));
  EXPECT_FALSE(decode_spec(Action::unpin, R"({"paths":["a"],"parallel":1})"));
}

struct Refused {
  std::string body;
  std::string word;
};

TEST(WarmCommand, refuses_what_it_does_not_understand_and_names_it) {
  const std::vector<Refused> table{
      {"", "JSON"},
      {"nonsense", "JSON"},
      {"[]", "object"},
      {"{}", "paths"},
      {R"({"paths":[]})", "paths"},
      {R"({"paths":"a"})", "paths"},
      {R"({"paths":[1]})", "paths"},
      {R"({"paths":[null]})", "paths"},
      {R"({"paths":[{"hex":"zz"}]})", "hex"},
      {R"({"paths":[{"hex":"abc"}]})", "hex"},
      {R"({"paths":[{"hex":"ab","x":1}]})", "paths"},
      {R"({"paths":["a"],"colour":"red"})", "colour"},
      {R"({"paths":["a"],"pin":1})", "pin"},
      {R"({"paths":["a"],"pin":null})", "pin"},
      {R"({"paths":["a"],"parallel":0})", "parallel"},
      {R"({"paths":["a"],"parallel":-1})", "parallel"},
      {R"({"paths":["a"],"parallel":1.5})", "parallel"},
      {R"({"paths":["a"],"parallel":1000000})", "parallel"},
      {R"({"paths":["a"],"parallel":99999999999999999999999})", "parallel"},
      {R"({"paths":["a"],"timeout_seconds":0})", "timeout_seconds"},
      {R"({"paths":["../etc"]})", "outside"},
      {"{\"paths\":[\"a\\u0000b\"]}", "zero byte"},
      {"{\"paths\":[\"\xff\"]}", "UTF-8"},
      {std::string(100000, '['), "JSON"},
      {std::string(100000, '[') + std::string(100000, ']'), "object"},
      {"{\"paths\":[\"" + std::string(5000, 'a') + "\"]}", "longer"},
  };
  for (const Refused& one : table) {
    const auto spec = decode_spec(Action::warm, one.body);
    ASSERT_FALSE(spec) << one.body.substr(0, 200);
    EXPECT_EQ(spec.error().code(), ErrorCode::bad_input) << one.body.substr(0, 200);
    EXPECT_NE(spec.error().message().find(one.word), std::string::npos)
        << one.body.substr(0, 200) << " -> " << spec.error().message();
    EXPECT_FALSE(spec.error().remedy().empty());
    EXPECT_LT(spec.error().to_string().size(), 600u);
  }
}

TEST(WarmCommand, refuses_too_many_paths) {
  std::string body = "{\"paths\":[\"a\"";
  for (std::size_t i = 0; i < limits::kPathsMax; ++i) body += ",\"a\"";
  const auto spec = decode_spec(Action::warm, body + "]}");
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code(), ErrorCode::limit);
}

TEST(OrderCommand, arrives_as_it_was_sent) {
  ReadOrder list;
  list.list = "/tmp/order \xff";
  list.append = true;
  list.is_guess = true;
  const auto list_back = decode_order(encode_order(list));
  ASSERT_TRUE(list_back) << list_back.error().to_string();
  EXPECT_EQ(list_back->list, list.list);
  EXPECT_FALSE(list_back->shuffle);
  EXPECT_TRUE(list_back->append && list_back->is_guess);
  ReadOrder shuffle;
  shuffle.shuffle = ShuffledEpoch{.seed = ~0ull, .epoch = 3, .group_bytes = 1 << 20};
  const auto back = decode_order(encode_order(shuffle));
  ASSERT_TRUE(back) << back.error().to_string();
  ASSERT_TRUE(back->shuffle);
  EXPECT_EQ(back->shuffle->seed, ~0ull);
  EXPECT_EQ(back->shuffle->epoch, 3u);
  EXPECT_EQ(back->shuffle->group_bytes, 1u << 20);
  EXPECT_TRUE(back->list.empty());
}

TEST(OrderCommand, refuses_what_it_does_not_understand_and_names_it) {
  const std::vector<Refused> table{
      {"{}", "list"},
      {R"({"list":"relative"})", "absolute"},
      {"{\"list\":\"/a\\u0000b\"}", "absolute"},
      {R"({"list":"/a","seed":1})", "either"},
      {R"({"seed":-1})", "seed"},
      {R"({"seed":"1"})", "seed"},
      {R"({"seed":1,"epoch":-1})", "epoch"},
      {R"({"seed":1,"group_bytes":0})", "group_bytes"},
      {R"({"seed":1,"append":"yes"})", "append"},
      {R"({"seed":1,"extra":{}})", "extra"},
  };
  for (const Refused& one : table) {
    const auto order = decode_order(one.body);
    ASSERT_FALSE(order) << one.body;
    EXPECT_EQ(order.error().code(), ErrorCode::bad_input);
    EXPECT_NE(order.error().message().find(one.word), std::string::npos)
        << one.body << " -> " << order.error().message();
  }
}

TEST(JobDocument, carries_everything) {
  JobReport job;
  job.id = "ab-1";
  job.action = Action::check;
  std::uint64_t value = 100;
  for (auto* member : {&job.progress.files, &job.progress.bytes, &job.progress.files_done,
                       &job.progress.bytes_done, &job.progress.files_present,
                       &job.progress.bytes_present, &job.progress.bytes_fetched,
                       &job.progress.requests, &job.progress.files_failed, &job.progress.unmatched})
    *member = value++;
  job.progress.state = WarmProgress::State::failed;
  job.progress.failures = {"k \xff: replaced"};
  job.progress.absent = {"x"};
  job.progress.unmatched_names = {"y", "z"};
  job.progress.elapsed_seconds = 1.5;
  job.progress.error = Error(ErrorCode::limit, "too much", "take less");
  const auto back = decode_job(encode_job(job));
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(back->id, "ab-1");
  EXPECT_EQ(back->action, Action::check);
  EXPECT_EQ(back->progress.state, WarmProgress::State::failed);
  EXPECT_EQ(back->progress.files, 100u);
  EXPECT_EQ(back->progress.bytes_fetched, 106u);
  EXPECT_EQ(back->progress.unmatched, 109u);
  EXPECT_EQ(back->progress.unmatched_names.size(), 2u);
  ASSERT_TRUE(back->progress.error);
  EXPECT_EQ(back->progress.error->to_string(), job.progress.error->to_string());
}

TEST(JobDocument, refuses_what_is_none) {
  for (const char* text : {"", "{}", "[]", R"({"id":1})", R"({"id":"a","action":"dance"})"}) {
    const auto job = decode_job(text);
    ASSERT_FALSE(job) << text;
    EXPECT_EQ(job.error().code(), ErrorCode::corrupt);
  }
}

TEST(ErrorDocument, carries_the_error_or_says_there_is_none) {
  const Error sent(ErrorCode::not_found, "no file", "look again");
  EXPECT_EQ(decode_error(encode_error(sent)).to_string(), sent.to_string());
  EXPECT_EQ(decode_error("<html>").code(), ErrorCode::corrupt);
  EXPECT_EQ(decode_error(R"({"error":{"code":"odd","message":"","remedy":""}})").code(),
            ErrorCode::corrupt);
}

}  // namespace
}  // namespace shoal::control
