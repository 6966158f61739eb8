// SPDX-License-Identifier: Apache-2.0
// Goal: no GET keeps its place while nobody waits for it, no reader waits for a sleeping GET longer
// than for a fresh one, and the first read after an outage succeeds.
// Method: one chunk owner over the store's own retry wrapper, under virtual time; the bucket fails,
// hangs or is slow.
#include <gtest/gtest.h>

#include "sim/support/owner_world.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;
using fetch::Counters;

OwnerWorldOptions files(std::uint32_t in_flight) {
  OwnerWorldOptions options;
  options.sizes.assign(64, 8000);
  options.requests_in_flight_max = in_flight;
  options.retry = true;
  return options;
}

TEST(Patience, the_first_read_after_an_outage_succeeds_with_one_request_in_flight) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    OwnerWorldOptions options = files(1);
    options.seed = seed;
    OwnerWorld world(options);
    world.stores[0].behaviour().outage = true;
    for (std::size_t i = 0; i < 20; ++i) {
      world.read_object(i, 3s);
      world.run_for(700ms);
    }
    ASSERT_TRUE(world.settle());
    for (const Part& part : world.parts) {
      EXPECT_TRUE(part.failure);
      EXPECT_LE(part.ended - part.started, 3s);
    }
    world.parts.clear();
    world.stores[0].behaviour().outage = false;
    Part& after = world.read_object(30, 3s);
    Part& again = world.read_object(5, 3s);
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(world.fault_of(after) + world.fault_of(again), "") << seed;
  }
}

TEST(Patience, a_get_that_hangs_leaves_its_place_with_its_last_reader) {
  OwnerWorld world(files(1));
  world.stores[0].behaviour().hang = 1;
  Part& first = world.read_object(0, 3s);
  world.run_for(1s);
  Part& second = world.read_object(8, 30s);  // queued behind it
  world.run_for(1s);
  world.stores[0].behaviour().hang = 0;
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(first.failure);
  EXPECT_EQ(world.fault_of(second), "");
  EXPECT_LE(second.ended - first.ended, 100ms);
  EXPECT_EQ(world.sum(&Counters::gets_given_up), 1u);
}

TEST(Patience, a_get_that_is_only_slow_serves_the_next_try) {
  OwnerWorldOptions options = files(4);
  options.bucket.delay_min = options.bucket.delay_max = 800ms;
  OwnerWorld world(options);
  Part& hasty = world.read_object(0, 300ms);
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(hasty.failure);
  world.run_for(1s);
  Part& next = world.read_object(0, 300ms);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(next), "");
  EXPECT_EQ(world.bucket.gets, 1u);
}

TEST(Patience, a_reader_that_joins_a_sleeping_guess_gets_a_fresh_request) {
  OwnerWorld world(files(64));
  world.read_object(1);
  ASSERT_TRUE(world.settle());
  world.stores[0].behaviour().hang = 1;
  world.prefetch(DataAddress{0}, 8000);
  world.run_for(5s);
  world.stores[0].behaviour().hang = 0;
  Part& read = world.read_object(0);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(read), "");
  EXPECT_LE(read.ended - read.started, 50ms) << "one GET of 20 ms";
  EXPECT_EQ(world.bucket.overlapping, 0u);
}

TEST(Patience, readers_that_join_a_bucket_slower_than_they_do_still_get_an_answer) {
  OwnerWorldOptions options = files(64);
  options.bucket.delay_min = options.bucket.delay_max = 5s;
  OwnerWorld world(options);
  for (int i = 0; i < 40; ++i) {
    world.read_object(0);
    world.run_for(300ms);
  }
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.faults(), "");
  EXPECT_LE(world.bucket.gets, 5u);
}

TEST(Patience, a_guess_in_an_outage_ends_by_itself) {
  OwnerWorld world(files(64));
  world.read_object(1);
  ASSERT_TRUE(world.settle());
  world.stores[0].behaviour().hang = 1;
  world.prefetch(DataAddress{16384}, 16384);
  world.run_for(5s);
  EXPECT_EQ(world.requests_in_flight(), 2u);
  world.run_for(10s);
  EXPECT_EQ(world.requests_in_flight(), 0u);
}

TEST(Patience, a_later_reader_is_not_failed_by_the_deadline_of_an_earlier_one) {
  OwnerWorld world(files(64));
  world.stores[0].behaviour().hang = 1;
  Part& early = world.read_object(0, 3s);
  world.run_for(900ms);  // too soon for a fresh request
  Part& late = world.read_object(0, 60s);
  world.run_for(1s);
  world.stores[0].behaviour().hang = 0;
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(early.failure);
  EXPECT_EQ(world.fault_of(late), "");
  EXPECT_LE(late.ended - late.started, 10s);
}

TEST(Patience, a_slow_transfer_is_not_cut_off_while_readers_get_their_bytes) {
  OwnerWorldOptions options = files(64);
  options.geometry = {4096, 4u << 20};
  options.buffer_bytes_max = 64u << 20;
  options.sizes = {4u << 20};
  options.bucket.piece_bytes = 64u << 10;
  options.bucket.piece_delay = 500ms;  // 128 KiB/s: 32 s for the object
  OwnerWorld world(options);
  for (std::uint32_t at = 0; at < 4u << 20; at += 128u << 10) {
    Part& part = world.read(DataAddress{at}, 128u << 10, 3s);
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.fault_of(part), "");
  }
  EXPECT_EQ(world.bucket.gets, 2u);
}

TEST(Patience, closing_while_gets_are_given_up_ends_everything_once) {
  OwnerWorldOptions options = files(2);
  options.bucket.hang = 1;
  OwnerWorld world(options);
  for (std::size_t i = 0; i < 20; ++i) world.read_object(i, 1500ms);
  for (std::size_t i = 30; i < 40; ++i) world.warm_object(i);
  world.run_for(1500ms);
  world.close();
  EXPECT_EQ(world.leaks(), "");
  for (const Part& part : world.parts) EXPECT_TRUE(part.done);
}

}  // namespace
}  // namespace shoal::sim
