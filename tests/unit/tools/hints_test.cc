// SPDX-License-Identifier: Apache-2.0
// Goal: what a mount is told about reads to come is refused early when it cannot mean anything, and
// arrives at a server that may start elsewhere, later.
// Method: the flag structure over real files and a pipe.
#include "tools/hint_flags.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace shoal::tools {
namespace {

namespace fs = std::filesystem;

class Hints : public testing::Test {
 protected:
  Hints() {
    char name[] = "/tmp/shoal-hints-XXXXXX";
    directory_ = mkdtemp(name);
    before_ = fs::current_path();
    fs::current_path(directory_);
    std::ofstream("list") << "a\nb\n";
    std::ofstream("empty");
  }
  ~Hints() override {
    fs::current_path(before_);
    fs::remove_all(directory_);
  }
  fs::path directory_;
  fs::path before_;
};

TEST_F(Hints, relative_names_become_absolute_and_all_of_them_arrive) {
  HintFlags flags;
  flags.order = "list";
  flags.record = "trace";
  const auto resolved = flags.resolved(directory_ / "hints");
  ASSERT_TRUE(resolved) << resolved.error().to_string();
  EXPECT_EQ(resolved->arguments(),
            (std::vector<std::string>{"--order", (directory_ / "list").string(), "--record",
                                      (directory_ / "trace").string()}));
  const auto order = resolved->to_order();
  ASSERT_TRUE(order);
  EXPECT_EQ(order->list, directory_ / "list");
  EXPECT_FALSE(order->is_guess);
  VolumeOptions options;
  resolved->apply(options);
  EXPECT_EQ(options.record_file, directory_ / "trace");
  EXPECT_EQ(options.prefetch, PrefetchMode::automatic);
}

TEST_F(Hints, a_trace_is_a_guess_and_direct_is_a_mode) {
  HintFlags flags;
  flags.replay = "/t";
  ASSERT_TRUE(flags.to_order());
  EXPECT_TRUE(flags.to_order()->is_guess);
  HintFlags direct;
  direct.direct = true;
  VolumeOptions options;
  direct.apply(options);
  EXPECT_EQ(options.prefetch, PrefetchMode::direct);
  EXPECT_EQ(direct.arguments(), std::vector<std::string>{"--direct"});
  EXPECT_FALSE(direct.to_order());
}

TEST_F(Hints, what_a_pipe_says_is_kept_for_the_next_server) {
  ASSERT_EQ(system("mkfifo pipe && (printf 'x\\ny\\n' > pipe &)"), 0);
  HintFlags flags;
  flags.order = "pipe";
  const auto resolved = flags.resolved(directory_ / "hints");
  ASSERT_TRUE(resolved) << resolved.error().to_string();
  EXPECT_EQ(resolved->order, (directory_ / "hints" / "order.list").string());
  std::stringstream text;
  text << std::ifstream(resolved->order).rdbuf();
  EXPECT_EQ(text.str(), "x\ny\n");
}

TEST_F(Hints, a_list_that_is_none_is_refused_by_its_flag) {
  struct Refused {
    std::string name;
    ErrorCode code;
    std::string word;
  };
  for (const Refused& one : {Refused{"nowhere", ErrorCode::not_found, "No such file"},
                             Refused{".", ErrorCode::bad_input, "directory"},
                             Refused{"empty", ErrorCode::bad_input, "empty"},
                             Refused{"/dev/null", ErrorCode::bad_input, "empty"}}) {
    for (const bool replay : {false, true}) {
      HintFlags flags;
      (replay ? flags.replay : flags.order) = one.name;
      const auto resolved = flags.resolved(directory_ / "hints");
      ASSERT_FALSE(resolved) << one.name;
      EXPECT_EQ(resolved.error().code(), one.code) << resolved.error().to_string();
      EXPECT_TRUE(resolved.error().message().starts_with(replay ? "--replay " : "--order "));
      EXPECT_NE(resolved.error().message().find(one.word), std::string::npos);
      EXPECT_FALSE(resolved.error().remedy().empty());
    }
  }
}

TEST_F(Hints, a_trace_that_cannot_be_written_is_refused) {
  for (const char* name : {".", "nowhere/trace"}) {
    HintFlags flags;
    flags.record = name;
    const auto resolved = flags.resolved(directory_ / "hints");
    ASSERT_FALSE(resolved) << name;
    EXPECT_NE(resolved.error().message().find("--record"), std::string::npos);
  }
}

TEST_F(Hints, contradictions_are_refused_with_their_reason) {
  const auto conflict = [](auto set) {
    HintFlags flags;
    ReadFlags read;
    set(flags, read);
    const auto checked = flags.check_conflicts(read);
    return checked ? std::string() : checked.error().to_string();
  };
  EXPECT_EQ(conflict([](HintFlags&, ReadFlags&) {}), "");
  EXPECT_NE(conflict([](HintFlags& flags, ReadFlags&) {
              flags.order = "a";
              flags.replay = "b";
            }),
            "");
  for (const bool replay : {false, true}) {
    EXPECT_NE(conflict([&](HintFlags& flags, ReadFlags&) {
                (replay ? flags.replay : flags.order) = "a";
                flags.direct = true;
              }),
              "");
    EXPECT_NE(conflict([&](HintFlags& flags, ReadFlags& read) {
                (replay ? flags.replay : flags.order) = "a";
                read.no_prefetch = true;
              }),
              "");
    EXPECT_NE(conflict([&](HintFlags& flags, ReadFlags&) {
                (replay ? flags.replay : flags.order) = "list";
                flags.record = "./list";
              }),
              "");
  }
  EXPECT_EQ(conflict([](HintFlags& flags, ReadFlags&) {
              flags.replay = "a";
              flags.record = "b";
            }),
            "");
}

}  // namespace
}  // namespace shoal::tools
