// SPDX-License-Identifier: Apache-2.0
// Goal: reads cost the GETs they should, are answered when their bytes are there, and fail alone.
// Method: a whole data path under virtual time against a bucket that counts; no real clock, no
// sleep.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/support/world.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;

WorldOptions small_files(std::size_t count, std::uint64_t bytes = 9000) {
  WorldOptions options;
  options.geometry = {4096, 4u << 20};
  options.buffer_bytes_max = 64u << 20;
  options.sizes.assign(count, bytes);
  return options;
}

TEST(Reads, a_hundred_readers_of_one_object_cost_one_get) {
  World world(small_files(10));
  for (int i = 0; i < 100; ++i) world.read_object(4);
  ASSERT_TRUE(world.settle());
  for (const Outcome& outcome : world.outcomes) EXPECT_EQ(world.fault_of(outcome), "");
  EXPECT_EQ(world.bucket.gets, 1u);
  EXPECT_EQ(world.stats().data_reads, 100u);
  EXPECT_EQ(world.stats().data_read_hits, 0u);
}

TEST(Reads, a_cold_walk_costs_exactly_one_get_per_object) {
  WorldOptions options = small_files(3000);
  options.prefetch = true;
  World world(options);
  for (std::size_t i = 0; i < 3000; ++i) {
    Outcome& outcome = world.read_object(i);
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.fault_of(outcome), "");
  }
  EXPECT_EQ(world.bucket.gets, 3000u);
  EXPECT_GT(world.bucket.in_flight_max, 50u);
  EXPECT_GT(world.stats().data_read_hits, 2500u);
  world.close();
  EXPECT_EQ(world.leaks(), "");
}

TEST(Reads, second_read_is_a_hit_without_a_get) {
  World world(small_files(10));
  world.read_object(3);
  ASSERT_TRUE(world.settle());
  Outcome& again = world.read_object(3);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(again), "");
  EXPECT_EQ(world.bucket.gets, 1u);
  EXPECT_EQ(world.stats().data_read_hits, 1u);
}

TEST(Reads, a_reader_is_answered_before_the_end_of_a_large_extent) {
  WorldOptions options = small_files(1, 4u << 20);
  options.bucket.piece_bytes = 64u << 10;
  options.bucket.piece_delay = 10ms;
  World world(options);
  Outcome& all = world.read(DataAddress{0}, 4u << 20);
  Outcome& early = world.read(DataAddress{100000}, 4096);
  Outcome& late = world.read(DataAddress{(4u << 20) - 4096}, 4096);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(all), "");
  EXPECT_EQ(world.fault_of(early), "");
  EXPECT_EQ(world.fault_of(late), "");
  EXPECT_LT(early.ended + 500ms, late.ended);
  EXPECT_EQ(world.bucket.gets, 1u);
}

TEST(Reads, an_object_larger_than_a_chunk_is_fetched_in_one_get_per_chunk) {
  World world(small_files(1, 10u << 20));
  Outcome& all = world.read_object(0);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(all), "");
  EXPECT_EQ(world.bucket.gets, 3u);
}

TEST(Reads, gaps_between_and_behind_objects_read_as_zero_without_a_get) {
  World world(small_files(3, 100));
  Outcome& gap = world.read(DataAddress{200}, 3000);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(gap), "");
  Outcome& all = world.read(DataAddress{0}, 3 * 4096);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(all), "");
  EXPECT_EQ(world.bucket.gets, 3u);
}

TEST(Reads, memory_of_another_chunk_does_not_show_behind_an_object) {
  WorldOptions options;
  options.sizes.assign(40, 8192);  // 8 fill a chunk
  options.sizes.push_back(100);
  World world(options);
  for (std::size_t i = 0; i < 36; ++i) world.read_object(i);
  ASSERT_TRUE(world.settle());
  world.run_for(100ms);  // four chunks are written and given up, half of the fifth stays
  ASSERT_GT(world.stats().buffer_bytes, 0u);
  Outcome& all = world.read(world.dataset.objects()[40].address, 4096);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(all), "");
  Outcome& gap = world.read(DataAddress{world.dataset.objects()[40].address.value + 100}, 3996);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(gap), "");
}

TEST(Reads, metadata_and_data_meet_in_one_read) {
  World world(small_files(3));
  Outcome& outcome = world.read_image(format::kDataRegionStart - 5000, 9000, 60s);
  Outcome& metadata = world.read_image(100, 12288, 60s);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(outcome), "");
  EXPECT_EQ(world.fault_of(metadata), "");
}

TEST(Reads, outside_the_image_is_bad_input) {
  World world(small_files(3));
  Outcome& outcome = world.read_image(world.path().size() - 10, 11, 60s);
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code(), ErrorCode::bad_input);
}

TEST(Reads, a_replaced_object_is_an_error_with_its_name_and_never_its_new_bytes) {
  World world(small_files(10));
  world.bucket.objects[kPrefix + world.dataset.objects()[4].path].version = 2;
  Outcome& changed = world.read_object(4);
  Outcome& other = world.read_object(5);
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(changed.error);
  EXPECT_EQ(changed.error->code(), ErrorCode::precondition);
  EXPECT_NE(changed.error->to_string().find(world.dataset.objects()[4].path), std::string::npos);
  EXPECT_EQ(world.fault_of(other), "");
  EXPECT_EQ(world.stats().changed_objects, 1u);
  ASSERT_EQ(world.path().recent_errors().size(), 1u);
  EXPECT_NE(world.path().recent_errors()[0].find("f000004"), std::string::npos);
}

TEST(Reads, a_removed_object_is_not_found) {
  World world(small_files(10));
  world.bucket.objects.erase(kPrefix + world.dataset.objects()[4].path);
  Outcome& gone = world.read_object(4);
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(gone.error);
  EXPECT_EQ(gone.error->code(), ErrorCode::not_found);
  EXPECT_EQ(world.stats().changed_objects, 1u);
}

TEST(Reads, an_error_fails_all_waiters_and_the_next_read_tries_again) {
  World world(small_files(10));
  world.stores[0].behaviour().fail = 1;
  for (int i = 0; i < 5; ++i) world.read_object(2);
  ASSERT_TRUE(world.settle());
  for (const Outcome& outcome : world.outcomes) {
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code(), ErrorCode::unavailable);
  }
  EXPECT_EQ(world.bucket.gets, 1u);
  EXPECT_EQ(world.stats().get_errors, 1u);
  world.stores[0].behaviour().fail = 0;
  Outcome& again = world.read_object(2);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(again), "");
}

TEST(Reads, a_deadline_ends_one_read_and_leaves_the_get_to_the_others) {
  WorldOptions options = small_files(10);
  options.bucket.delay_min = options.bucket.delay_max = 2s;
  World world(options);
  Outcome& hasty = world.read_object(2, 100ms);
  Outcome& patient = world.read_object(2, 60s);
  const TimePoint start = world.scheduler.now();
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(hasty.error);
  EXPECT_EQ(hasty.error->code(), ErrorCode::timeout);
  EXPECT_EQ(hasty.ended - start, 100ms);
  EXPECT_EQ(world.fault_of(patient), "");
  EXPECT_EQ(world.bucket.gets, 1u);
}

TEST(Reads, a_bucket_that_never_answers_times_every_read_out) {
  WorldOptions options = small_files(50);
  options.bucket.hang = 1;
  options.requests_in_flight_max = 4;
  World world(options);
  for (std::size_t i = 0; i < 50; ++i) world.read_object(i, 1s);
  ASSERT_TRUE(world.settle());
  for (const Outcome& outcome : world.outcomes) {
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code(), ErrorCode::timeout);
  }
  EXPECT_EQ(world.bucket.gets, 4u) << "what nobody waits for any longer is not started";
  world.close();
  EXPECT_EQ(world.leaks(), "");
}

TEST(Reads, demand_overtakes_queued_prefetch) {
  WorldOptions options = small_files(2000);
  options.prefetch = true;
  options.requests_in_flight_max = 10;
  World world(options);
  // A walker fills the prefetch queue far beyond the budget.
  for (std::size_t i = 0; i < 400; ++i) {
    world.read_object(i);
    ASSERT_TRUE(world.settle());
  }
  const TimePoint start = world.scheduler.now();
  Outcome& demand = world.read_object(1900);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(demand), "");
  EXPECT_LE(demand.ended - start, 45ms) << "one GET of 20 ms, at most one more in front of it";
}

TEST(Reads, in_flight_never_exceeds_the_budget) {
  WorldOptions options = small_files(1000);
  options.threads = 3;
  options.requests_in_flight_max = 16;
  World world(options);
  for (std::size_t i = 0; i < 1000; ++i) world.read_object(i);
  ASSERT_TRUE(world.settle());
  for (const Outcome& outcome : world.outcomes) ASSERT_EQ(world.fault_of(outcome), "");
  EXPECT_LE(world.bucket.in_flight_max, 16u);
}

TEST(Reads, a_failed_prefetch_is_nobodys_error_and_is_left_alone_for_a_second) {
  WorldOptions options = small_files(300);
  options.prefetch = true;
  World world(options);
  world.bucket.objects[kPrefix + world.dataset.objects()[20].path].version = 2;
  for (std::size_t i = 0; i < 20; ++i) {
    Outcome& outcome = world.read_object(i);
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.fault_of(outcome), "");
  }
  EXPECT_EQ(world.stats().read_errors, 0u);
  EXPECT_EQ(world.stats().changed_objects, 1u);
}

TEST(Reads, closing_with_requests_in_flight_ends_every_read_once) {
  WorldOptions options = small_files(200);
  options.bucket.delay_min = options.bucket.delay_max = 20s;
  options.requests_in_flight_max = 8;
  World world(options);
  for (std::size_t i = 0; i < 200; ++i) world.read_object(i);
  world.run_for(30ms);
  const TimePoint start = world.scheduler.now();
  world.close();
  EXPECT_LE(world.scheduler.now() - start, 21s);
  for (const Outcome& outcome : world.outcomes) {
    ASSERT_TRUE(outcome.done);
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code(), ErrorCode::closed);
    EXPECT_LE(outcome.ended - start, 6s);
  }
  EXPECT_EQ(world.leaks(), "");
}

TEST(Reads, are_byte_exact_over_random_layouts) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    WorldOptions options;
    Rng rng(seed);
    options.seed = seed;
    options.threads = 1 + static_cast<std::uint32_t>(rng.below(3));
    options.geometry = {rng.below(2) == 0 ? 512u : 4096u, 64u << 10};
    options.sizes = OracleDataset::mixed_sizes(rng, 100, 20000, 300000);
    World world(options);
    const std::uint64_t size = world.dataset.data_end().value;
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t begin = rng.below(size);
      world.read(DataAddress{begin}, 1 + rng.below(std::min<std::uint64_t>(size - begin, 200000)));
    }
    ASSERT_TRUE(world.settle());
    for (const Outcome& outcome : world.outcomes) ASSERT_EQ(world.fault_of(outcome), "") << seed;
  }
}

}  // namespace
}  // namespace shoal::sim
