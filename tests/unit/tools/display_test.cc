// SPDX-License-Identifier: Apache-2.0
// Goal: what commands print is readable, fits the terminal, and cannot be obeyed by it.
// Method: the pure functions behind the output, at their edges.
#include "tools/display.h"

#include <gtest/gtest.h>

#include "tools/progress.h"

namespace shoal::tools {
namespace {

using Phase = index::BuildProgress::Phase;

index::BuildProgress half_listed() {
  index::BuildProgress progress;
  progress.phase = Phase::listing;
  progress.keys = 5'000'000;
  progress.bytes = 40ull << 30;
  progress.fraction = 0.5;
  progress.elapsed = std::chrono::seconds(50);
  return progress;
}

TEST(Display, numbers_are_grouped_by_thousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(12345678), "12,345,678");
  EXPECT_EQ(grouped(~0ull), "18,446,744,073,709,551,615");
}

TEST(Display, control_bytes_are_escaped_and_other_bytes_are_not) {
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\xc3\xbc x"), "\xc3\xbc x");
}

TEST(Display, durations_have_one_unit) {
  EXPECT_EQ(duration_text(119), "119 s");
  EXPECT_EQ(duration_text(120), "2 min");
  EXPECT_EQ(duration_text(7200), "2 h");
  EXPECT_EQ(duration_text(172800), "2 days");
}

TEST(Display, times_are_utc) {
  EXPECT_EQ(utc_text(86399), "1970-01-01 23:59:59 UTC");
}

TEST(Bar, a_wide_terminal_shows_everything) {
  const std::string text = bar_text(half_listed(), 120);
  EXPECT_EQ(text,
            "listing [###############...............]  50%  5,000,000 keys  100,000/s  "
            "about 50 s left  40.0 GiB");
}

TEST(Bar, no_width_is_exceeded_and_no_part_is_cut) {
  const std::string whole = bar_text(half_listed(), 200);
  for (unsigned columns = 12; columns <= 120; ++columns) {
    const std::string text = bar_text(half_listed(), columns);
    EXPECT_LE(text.size(), columns);
    EXPECT_NE(text.find(" 50%"), std::string::npos) << text;
    // Its last part is one of the whole line's, uncut.
    const std::string last = text.substr(text.rfind("  "));
    EXPECT_NE((whole + "  ").find(last + "  "), std::string::npos) << text;
  }
  EXPECT_EQ(bar_text(half_listed(), 30), "listing  50%  5,000,000 keys");
}

TEST(Bar, keys_of_an_earlier_run_do_not_count_as_speed) {
  index::BuildProgress progress = half_listed();
  progress.keys_resumed = 4'000'000;
  EXPECT_NE(bar_text(progress, 120).find("  20,000/s"), std::string::npos);
}

TEST(Bar, an_estimate_out_of_range_draws_a_full_or_an_empty_bar) {
  index::BuildProgress progress = half_listed();
  progress.fraction = 1.5;
  EXPECT_NE(bar_text(progress, 120).find("[##############################] 100%"),
            std::string::npos);
  progress.fraction = -1;
  EXPECT_NE(bar_text(progress, 120).find("[..............................]   0%"),
            std::string::npos);
}

}  // namespace
}  // namespace shoal::tools
