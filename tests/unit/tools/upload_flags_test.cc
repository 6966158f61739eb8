// SPDX-License-Identifier: Apache-2.0
// Goal: what commands that send are told becomes the uploader's options, and their journals lie
// where
// --help says, one per source and bucket.
// Method: pure functions, with the environment set for each case.
#include "tools/upload_flags.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "tools/state_directory.h"

namespace shoal::tools {
namespace {

TEST(UploadFlags, defaults_are_the_uploaders_own) {
  const auto options = UploadFlags{}.to_options(StoreFlags{});
  ASSERT_TRUE(options) << options.error().to_string();
  const UploaderOptions expected;
  EXPECT_EQ(options->memory_bytes_max, expected.memory_bytes_max);
  EXPECT_EQ(options->journal_bytes_max, expected.journal_bytes_max);
  EXPECT_EQ(options->part_bytes, expected.part_bytes);
  EXPECT_EQ(options->requests_in_flight_max, expected.requests_in_flight_max);
  EXPECT_EQ(options->retry_for, expected.retry_for);
}

TEST(UploadFlags, what_cannot_be_is_refused_with_the_flags_name) {
  const auto text_of = [](const UploadFlags& flags) {
    const auto options = flags.to_options(StoreFlags{});
    return options ? std::string("accepted") : options.error().to_string();
  };
  UploadFlags flags;
  flags.memory = "1M";
  EXPECT_NE(text_of(flags).find("--memory 1M: too small"), std::string::npos) << text_of(flags);
  flags.memory = "lots";
  EXPECT_NE(text_of(flags).find("--memory lots: not a size"), std::string::npos);
  flags = {};
  flags.part_size = "1M";
  EXPECT_NE(text_of(flags).find("--part-size 1M: too small"), std::string::npos);
  flags.part_size = "200M";
  EXPECT_NE(text_of(flags).find("holds no two of them"), std::string::npos) << text_of(flags);
  flags = {};
  flags.bytes_per_second = "-3";
  EXPECT_NE(text_of(flags).find("--max-bandwidth -3"), std::string::npos);
}

TEST(StateDirectory, a_journal_belongs_to_one_source_and_one_bucket) {
  ASSERT_EQ(setenv("SHOAL_STATE", "/s", 1), 0);
  const auto location = store::parse_location("s3://b/p").value();
  store::StoreConfig here;
  here.endpoint = "http://127.0.0.1:9000";
  store::StoreConfig there;
  there.endpoint = "http://127.0.0.1:9001";
  const auto first = journal_directory("sync", location, here, "/data");
  EXPECT_EQ(first.parent_path(), "/s/uploads");
  EXPECT_EQ(first.filename().string().size(), std::string("sync-").size() + 16) << first;
  EXPECT_EQ(first, journal_directory("sync", location, here, "/data"));
  EXPECT_NE(first, journal_directory("watch", location, here, "/data"));
  EXPECT_NE(first, journal_directory("sync", location, there, "/data"));
  EXPECT_NE(first, journal_directory("sync", location, here, "/data2"));
  unsetenv("SHOAL_STATE");
}

}  // namespace
}  // namespace shoal::tools
