// SPDX-License-Identifier: Apache-2.0
// Goal: flags mean what --help says, and what cannot mean anything is refused with a remedy.
// Method: the flag structures, filled as the command line fills them, turned into options.
#include "tools/flags.h"

#include <gtest/gtest.h>

#include "volume/resource_limit.h"

namespace shoal::tools {
namespace {

TEST(ReadFlags, without_any_flag_the_defaults_of_the_library_hold) {
  const auto options = ReadFlags{}.to_options();
  ASSERT_TRUE(options);
  EXPECT_EQ(options->cache_bytes_max, VolumeOptions{}.cache_bytes_max);
  EXPECT_EQ(options->buffer_bytes_max, VolumeOptions{}.buffer_bytes_max);
  EXPECT_EQ(options->requests_in_flight_max, VolumeOptions{}.requests_in_flight_max);
  EXPECT_EQ(options->prefetch, PrefetchMode::automatic);
  EXPECT_EQ(ReadFlags{}.io_timeout(), std::chrono::seconds(60));
}

TEST(ReadFlags, sizes_have_units) {
  ReadFlags flags;
  flags.cache_size = "50G";
  flags.buffer_size = "512MiB";
  flags.bytes_per_second = "100M";
  const auto options = flags.to_options();
  ASSERT_TRUE(options);
  EXPECT_EQ(options->cache_bytes_max, 50ull << 30);
  EXPECT_EQ(options->buffer_bytes_max, 512ull << 20);
  EXPECT_EQ(options->bytes_per_second_max, double(100u << 20));
}

TEST(ReadFlags, a_resource_limit_sets_threads_and_memory_and_other_flags_win) {
  ReadFlags flags;
  EXPECT_EQ(*flags.frontend_bytes(7), 7u);
  flags.resource_limit = "4c4g";
  auto options = flags.to_options();
  ASSERT_TRUE(options);
  EXPECT_EQ(options->fetch_threads, 2u);
  EXPECT_EQ(options->buffer_bytes_max, ((4ull << 30) - (96 << 20)) / 2);
  EXPECT_EQ(options->requests_in_flight_max, limits::kRequestsInFlightDefault);
  EXPECT_EQ(*flags.frontend_bytes(7), 64u << 20);
  flags.buffer_size = "128M";
  flags.requests_in_flight = 5;
  options = flags.to_options();
  ASSERT_TRUE(options);
  EXPECT_EQ(options->buffer_bytes_max, 128ull << 20);
  EXPECT_EQ(options->requests_in_flight_max, 5u);
}

TEST(ResourcePlan, its_parts_never_come_to_more_than_the_limit) {
  for (const char* processors : {"1c", "2c", "3c", "64c"})
    for (const char* memory : {"256m", "257m", "1g", "4g", "100g"}) {
      const auto plan = volume::resource_plan(std::string(processors) + memory);
      ASSERT_TRUE(plan) << processors << memory;
      const std::uint64_t connections = std::uint64_t{plan->requests_in_flight} * (128 << 10);
      EXPECT_LE((96ull << 20) + plan->buffer_bytes + plan->frontend_bytes + connections,
                plan->memory_bytes)
          << processors << memory;
      EXPECT_GE(plan->buffer_bytes, plan->fetch_threads * (16ull << 20)) << processors << memory;
      EXPECT_GE(plan->fetch_threads, 1u);
      EXPECT_LE(plan->fetch_threads, 8u);
    }
  EXPECT_EQ(volume::resource_plan("1c256m")->requests_in_flight, 160u) << "as --help says";
}

TEST(ReadFlags, what_cannot_be_read_is_refused_by_name_with_an_example) {
  for (const char* limit : {"2c", "c4g", "0c4g", "4g", "2c4x", "2c4g8", "-2c4g", "2c64m"}) {
    ReadFlags flags;
    flags.resource_limit = limit;
    const auto options = flags.to_options();
    ASSERT_FALSE(options) << limit;
    EXPECT_NE(options.error().message().find(limit), std::string::npos);
    EXPECT_FALSE(options.error().remedy().empty());
  }
  ReadFlags small;
  small.buffer_size = "1M";
  ASSERT_FALSE(small.to_options());
  ReadFlags words;
  words.cache_size = "lots";
  ASSERT_FALSE(words.to_options());
  EXPECT_NE(words.to_options().error().message().find("--cache-size lots"), std::string::npos);
}

TEST(OwnerFlags, whatever_the_mask_nothing_can_be_written) {
  OwnerFlags flags;
  for (const char* mask : {"0", "0222", "0777", "0027"}) {
    flags.umask = mask;
    const auto options = flags.to_options();
    ASSERT_TRUE(options) << mask;
    EXPECT_EQ(options->file_mode & 0222u, 0u);
    EXPECT_EQ(options->directory_mode & 0222u, 0u);
  }
  flags.umask = "0027";
  EXPECT_EQ(flags.to_options()->file_mode, 0440u);
  EXPECT_EQ(flags.to_options()->directory_mode, 0550u);
}

TEST(OwnerFlags, a_mask_that_is_not_octal_is_refused) {
  OwnerFlags flags;
  for (const char* mask : {"", "9", "0888", "7777", "u+r"}) {
    flags.umask = mask;
    EXPECT_FALSE(flags.to_options()) << mask;
  }
}

TEST(StoreFlags, carry_over_to_the_store) {
  StoreFlags flags;
  flags.no_sign_request = true;
  flags.signature = "v1";
  flags.addressing = "path";
  const auto config = flags.to_config();
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->sign_requests);
  EXPECT_EQ(config->signature, store::SignatureVersion::v1);
  EXPECT_EQ(config->addressing, store::Addressing::path);
}

}  // namespace
}  // namespace shoal::tools
