// SPDX-License-Identifier: Apache-2.0
// Goal: the bar of a sync tells how far it is, before and after everything is known.
// Method: made-up progress, formatted.
#include "tools/sync_view.h"

#include <gtest/gtest.h>

namespace shoal::tools {
namespace {

upload::SyncProgress half_way() {
  upload::SyncProgress progress;
  progress.counts.send = 100;
  progress.counts.send_bytes = 100 << 20;
  progress.sent = 50;
  progress.sent_bytes = 50 << 20;
  progress.wire_bytes = 50 << 20;
  progress.is_planned = true;
  return progress;
}

TEST(SyncView, the_fraction_is_of_files_and_bytes) {
  EXPECT_DOUBLE_EQ(fraction_of(half_way()), 0.5);
  upload::SyncProgress nothing;
  EXPECT_DOUBLE_EQ(fraction_of(nothing), 0);
  nothing.is_planned = true;
  EXPECT_DOUBLE_EQ(fraction_of(nothing), 1) << "there was nothing to do";
  auto more = half_way();
  more.wire_bytes = 500 << 20;  // sent again because a file changed
  EXPECT_LE(fraction_of(more), 1);
}

TEST(SyncView, the_bar_names_files_rate_and_what_is_left) {
  const auto parts = bar_parts(half_way(), 10);
  ASSERT_GE(parts.size(), 3u);
  EXPECT_EQ(parts[0], "50/100 files");
  EXPECT_EQ(parts[1], "5.0 MiB/s");
  EXPECT_EQ(parts[2], "about 10 s left");
  auto looking = half_way();
  looking.is_planned = false;
  looking.failed = 3;
  EXPECT_EQ(bar_parts(looking, 10)[0], "50/100+ files");
  EXPECT_EQ(bar_parts(looking, 10)[2], "3 failed");
}

}  // namespace
}  // namespace shoal::tools
