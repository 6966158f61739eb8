// SPDX-License-Identifier: Apache-2.0
// Goal: a file is named once it has settled, once, and an event while it is handed over is noticed.
// Method: the state machine alone, with made-up times.
#include "upload/candidates.h"

#include <gtest/gtest.h>

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;
using Touch = Candidates::Touch;
using Keys = std::vector<std::string>;

const TimePoint kBegin{1h};

TEST(Candidates, a_file_is_due_when_nothing_happened_for_the_time_of_settling) {
  Candidates files(1s);
  EXPECT_FALSE(files.touch("a", kBegin, Touch::written));
  EXPECT_FALSE(files.touch("a", kBegin + 900ms, Touch::closed));
  EXPECT_EQ(files.next_due(), kBegin + 1900ms);
  EXPECT_EQ(files.due(kBegin + 1800ms), Keys{});
  EXPECT_EQ(files.due(kBegin + 1900ms), Keys{"a"});
  EXPECT_EQ(files.due(kBegin + 3s), Keys{}) << "named once";
  EXPECT_FALSE(files.next_due());
}

TEST(Candidates, an_event_after_the_hand_over_is_told_once_and_begins_anew) {
  Candidates files(1s);
  files.touch("a", kBegin, Touch::closed);
  EXPECT_EQ(files.due(kBegin + 1s), Keys{"a"});
  files.hand_over("a");
  EXPECT_TRUE(files.is_handed("a"));
  EXPECT_TRUE(files.touch("a", kBegin + 2s, Touch::written));
  EXPECT_FALSE(files.touch("a", kBegin + 2s, Touch::written));
  EXPECT_FALSE(files.is_handed("a"));
  EXPECT_EQ(files.due(kBegin + 3s), Keys{"a"});
}

TEST(Candidates, only_a_close_ends_what_a_write_began) {
  Candidates files(1s);
  files.touch("a", kBegin, Touch::written);
  files.touch("a", kBegin, Touch::found);
  EXPECT_TRUE(files.is_being_written("a"));
  files.touch("a", kBegin, Touch::closed);
  EXPECT_FALSE(files.is_being_written("a"));
  EXPECT_FALSE(files.is_being_written("b"));
}

TEST(Candidates, what_is_postponed_for_long_is_told_once) {
  Candidates files(1s);
  files.touch("a", kBegin, Touch::found);
  int told = 0;
  TimePoint now = kBegin;
  for (int i = 0; i < 100; ++i) {
    now += 1s;
    ASSERT_EQ(files.due(now), Keys{"a"});
    told += files.postpone("a", now, 1s, 60s) ? 1 : 0;
  }
  EXPECT_EQ(told, 1);
}

TEST(Candidates, a_directory_takes_what_is_below_it_and_nothing_else) {
  Candidates files(1s);
  for (const char* key : {"d", "d/a", "d/b/c", "d.x", "e"}) files.touch(key, kBegin, Touch::closed);
  static_cast<void>(files.due(kBegin + 1s));
  files.hand_over("d/a");
  EXPECT_EQ(files.finish_below("d/"), Keys{"d/a"});
  EXPECT_EQ(files.size(), 3u);
  files.finish("d");
  files.finish("d");
  EXPECT_EQ(files.size(), 2u);
}

}  // namespace
}  // namespace shoal::upload
