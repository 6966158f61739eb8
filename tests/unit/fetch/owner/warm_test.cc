// SPDX-License-Identifier: Apache-2.0
// Goal: warming brings exactly what is missing into the cache, for one GET per file, behind readers
// and ahead of guesses; checking asks the bucket nothing; pins stay whatever happens to the cache.
// Method: chunk owners under virtual time, real cache files, a bucket that logs what it is asked.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/support/owner_world.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;
using fetch::Counters;

constexpr std::uint32_t kFileBytes = 8000;  // two blocks; eight files to a chunk of 64 KiB
constexpr std::size_t kFiles = 64;

OwnerWorldOptions files(std::size_t count = kFiles) {
  OwnerWorldOptions options;
  options.sizes.assign(count, kFileBytes);
  return options;
}

TEST(Warm, brings_what_is_missing_with_one_get_per_file_and_says_so) {
  OwnerWorld world(files());
  world.read_object(3);
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.faults(), "");
  std::uint64_t present = 0, fetched = 0;
  for (std::size_t i = 0; i < 16; ++i) world.warm_object(i);
  ASSERT_TRUE(world.settle());
  for (const Part& part : world.parts) {
    present += part.bytes_present;
    fetched += part.bytes_fetched;
  }
  EXPECT_EQ(world.faults(), "");
  EXPECT_EQ(present, kFileBytes);
  EXPECT_EQ(fetched, 15u * kFileBytes);
  EXPECT_EQ(world.bucket.gets, 16u);
  EXPECT_EQ(world.sum(&Counters::warmed_bytes), 15u * kFileBytes);
  world.run_for(3s);
  world.restart();
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(world.check_object(i).bytes_present, 0u);
  ASSERT_TRUE(world.settle());
  for (const Part& part : world.parts) EXPECT_EQ(part.bytes_present, kFileBytes);
  for (std::size_t i = 0; i < 16; ++i) world.read_object(i);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.faults(), "");
  EXPECT_EQ(world.bucket.gets, 16u);
}

TEST(Warm, is_not_told_to_the_observer) {
  OwnerWorld world(files());
  for (std::size_t i = 0; i < 16; ++i) world.warm_object(i);
  for (std::size_t i = 0; i < 16; ++i) world.check_object(i);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.faults(), "");
  EXPECT_TRUE(world.seen.empty());
  EXPECT_EQ(world.sum(&Counters::prefetched_bytes), 0u);
}

TEST(Warm, a_check_fetches_nothing_and_counts_what_is_there) {
  OwnerWorld world(files());
  world.read_object(2);
  ASSERT_TRUE(world.settle());
  const Part& whole = world.check(DataAddress{0}, 64u << 10);
  const Part& absent = world.check_object(9);
  const Part& there = world.check_object(2);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.bucket.gets, 1u);
  EXPECT_EQ(whole.bytes_present, 8192u);
  EXPECT_EQ(absent.bytes_present, 0u);
  EXPECT_EQ(there.bytes_present, kFileBytes);
  EXPECT_EQ(there.bytes_fetched, 0u);
}

TEST(Warm, a_check_finds_damage_before_it_counts) {
  OwnerWorld world(files());
  for (std::size_t i = 0; i < 8; ++i) world.warm_object(i);
  ASSERT_TRUE(world.settle());
  world.run_for(1s);
  world.close();
  Rng rng(1);
  ASSERT_EQ(damage_sparse(world.cache_file(), 1, rng), 1u);
  world.open();
  const Part& check = world.check_object(0);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(check.bytes_present, 0u);
  EXPECT_EQ(world.sum(&Counters::checksum_failures), 1u);
}

TEST(Warm, works_with_a_single_request_in_flight) {
  OwnerWorldOptions options = files();
  options.requests_in_flight_max = 1;
  OwnerWorld world(options);
  for (std::size_t i = 0; i < 20; ++i) world.warm_object(i);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.faults(), "");
}

TEST(Warm, readers_come_first_and_guesses_last) {
  OwnerWorldOptions options = files(400);
  options.requests_in_flight_max = 4;
  OwnerWorld world(options);
  std::vector<OracleBucket::Asked> log;
  for (std::size_t i = 0; i < 8; ++i) world.read_object(i);  // keeps both places busy
  ASSERT_TRUE(world.settle());
  world.bucket.log = &log;
  const auto address = [&](std::size_t i) { return world.dataset.objects()[i].address; };
  world.read_object(390);
  world.run_for(1ms);
  world.prefetch(address(100), 4 * 8192);
  for (std::size_t i = 200; i < 204; ++i) world.warm_object(i);
  world.read_object(300);
  ASSERT_TRUE(world.settle());
  world.run_for(1s);
  ASSERT_EQ(world.faults(), "");
  std::vector<std::string> order;
  for (const auto& asked : log) order.push_back(asked.key.substr(asked.key.size() - 6));
  const auto place = [&](const char* name) {
    return std::ranges::find(order, std::string(name)) - order.begin();
  };
  ASSERT_EQ(order.size(), 10u);
  EXPECT_LE(place("000300"), 3) << "the guess whose map was there first may be on its way";
  EXPECT_LT(place("000300"), place("000201"));
  EXPECT_LT(place("000203"), place("000102"));
}

TEST(Warm, meets_readers_in_one_get) {
  OwnerWorld world(files());
  Part& warm = world.warm_object(5);
  Part& read = world.read_object(5);
  Part& also = world.warm_object(5);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(read), "");
  EXPECT_EQ(warm.bytes_fetched, kFileBytes);
  EXPECT_EQ(also.bytes_fetched, kFileBytes);
  EXPECT_EQ(world.bucket.gets, 1u);
}

TEST(Warm, a_reader_does_not_wait_behind_queued_warming_of_its_file) {
  OwnerWorldOptions options = files(400);
  options.requests_in_flight_max = 2;
  OwnerWorld world(options);
  for (std::size_t i = 0; i < 400; ++i) world.warm_object(i);
  world.run_for(30ms);
  Part& read = world.read_object(350);
  ASSERT_TRUE(world.scheduler.run_until([&] { return read.done; }));
  EXPECT_LE(read.ended - read.started, 45ms);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.faults(), "");
  EXPECT_EQ(world.bucket.gets, 400u);
}

TEST(Warm, a_failed_file_is_its_own_error) {
  OwnerWorld world(files());
  world.bucket.objects[kOwnerPrefix + world.dataset.objects()[4].path].version = 2;
  Part& changed = world.warm_object(4);
  Part& good = world.warm_object(5);
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(changed.failure);
  EXPECT_EQ(changed.failure->code(), ErrorCode::precondition);
  EXPECT_NE(changed.failure->to_string().find(world.dataset.objects()[4].path), std::string::npos);
  EXPECT_FALSE(good.failure);
}

TEST(Warm, what_was_asked_for_by_name_gets_into_a_full_cache_that_keeps) {
  OwnerWorldOptions options = files();
  options.cache_bytes_max = 4 * options.geometry.chunk_bytes;
  OwnerWorld world(options);
  world.owner().set_eviction(fetch::EvictionMode::keep);
  for (std::size_t i = 0; i < 40; ++i) world.read_object(i);
  ASSERT_TRUE(world.settle());
  world.run_for(3s);
  for (std::size_t i = 56; i < 64; ++i) world.warm_object(i);
  ASSERT_TRUE(world.settle());
  world.run_for(3s);
  world.restart();
  for (std::size_t i = 56; i < 64; ++i) world.check_object(i);
  ASSERT_TRUE(world.settle());
  for (const Part& part : world.parts) {
    if (part.kind == fetch::ReadPart::Kind::check) {
      EXPECT_EQ(part.bytes_present, kFileBytes);
    }
  }
}

// ---- pins

OwnerWorldOptions pin_world() {
  OwnerWorldOptions options = files();
  options.cache_bytes_max = 6 * options.geometry.chunk_bytes;  // of 8: pins may take 4
  return options;
}

// Fills the cache several times over.
void churn(OwnerWorld& world) {
  for (int round = 0; round < 4; ++round)
    for (std::size_t i = 0; i < kFiles; ++i) {
      world.read_object(i);
      ASSERT_TRUE(world.settle());
    }
  ASSERT_EQ(world.faults(), "");
  world.run_for(3s);
}

bool is_cached(OwnerWorld& world, std::size_t file) {
  Part& check = world.check_object(file);
  EXPECT_TRUE(world.settle());
  return check.bytes_present == kFileBytes;
}

TEST(Pins, survive_every_mode_of_eviction_and_a_restart) {
  OwnerWorld world(pin_world());
  for (std::size_t i = 0; i < 16; ++i) world.warm_object(i, /*pin=*/true);
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.faults(), "");
  EXPECT_EQ(world.cache().pinned_bytes(), 2 * world.options.geometry.chunk_bytes);
  churn(world);
  world.owner().set_eviction(fetch::EvictionMode::keep);
  churn(world);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_TRUE(is_cached(world, i));
  world.restart();
  EXPECT_EQ(world.cache().pinned_bytes(), 2 * world.options.geometry.chunk_bytes);
  churn(world);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_TRUE(is_cached(world, i));
}

TEST(Pins, are_recorded_for_chunks_that_are_in_the_file_already) {
  OwnerWorld world(pin_world());
  for (std::size_t i = 0; i < 8; ++i) world.read_object(i);
  ASSERT_TRUE(world.settle());
  world.run_for(3s);
  world.warm_object(0, /*pin=*/true);
  ASSERT_TRUE(world.settle());
  world.run_for(100ms);
  world.kill_and_restart();
  churn(world);
  EXPECT_TRUE(is_cached(world, 0));
}

TEST(Pins, of_a_chunk_that_is_partly_there_count_all_of_it) {
  OwnerWorld world(pin_world());
  world.warm_object(0, /*pin=*/true);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.cache().pinned_bytes(), world.options.geometry.chunk_bytes);
  world.run_for(3s);
  world.restart();
  EXPECT_EQ(world.cache().pinned_bytes(), 8192u) << "the rest is not known before the map is";
  world.read_object(1);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.cache().pinned_bytes(), world.options.geometry.chunk_bytes);
}

TEST(Pins, unpinned_chunks_can_be_evicted_again_also_after_a_restart) {
  OwnerWorld world(pin_world());
  for (std::size_t i = 0; i < 16; ++i) world.warm_object(i, /*pin=*/true);
  ASSERT_TRUE(world.settle());
  world.run_for(3s);
  world.unpin(DataAddress{0});
  world.unpin(DataAddress{world.options.geometry.chunk_bytes});
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.cache().pinned_bytes(), 0u);
  world.run_for(100ms);
  world.restart();
  EXPECT_EQ(world.cache().pinned_bytes(), 0u);
  for (std::size_t i = 16; i < 64; ++i) world.warm_object(i, i < 48);
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.faults(), "");
  world.run_for(3s);
  EXPECT_FALSE(is_cached(world, 0) && is_cached(world, 8));
}

TEST(Pins, beyond_the_bound_are_refused_with_numbers_and_the_cache_still_works) {
  OwnerWorld world(pin_world());
  std::size_t refused = 0;
  for (std::size_t i = 0; i < kFiles; i += 8) world.warm_object(i, /*pin=*/true);
  ASSERT_TRUE(world.settle());
  for (const Part& part : world.parts)
    if (part.failure) {
      EXPECT_EQ(part.failure->code(), ErrorCode::limit);
      EXPECT_NE(part.failure->to_string().find("pinned already"), std::string::npos);
      ++refused;
    }
  EXPECT_EQ(refused, 4u);
  EXPECT_EQ(world.sum(&Counters::pins_refused), 4u);
  EXPECT_EQ(world.bucket.gets, 4u) << "nothing is fetched for a pin that is refused";
  world.parts.clear();
  churn(world);
  EXPECT_LE(world.cache().used_bytes(), world.options.cache_bytes_max);
}

TEST(Pins, need_a_cache_file) {
  OwnerWorldOptions options = files();
  options.use_cache = false;
  OwnerWorld world(options);
  Part& part = world.warm_object(0, /*pin=*/true);
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(part.failure);
  EXPECT_EQ(part.failure->code(), ErrorCode::unsupported);
}

}  // namespace
}  // namespace shoal::sim
