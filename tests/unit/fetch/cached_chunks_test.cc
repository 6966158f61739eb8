// SPDX-License-Identifier: Apache-2.0
// Goal: what was fetched survives restarts, damage is found and fetched again, bounds hold, and a
// cache that cannot be written costs GETs, never errors.
// Method: a whole data path under virtual time with real cache files, restarted and damaged.
#include <gtest/gtest.h>

#include "fetch/map_loader.h"
#include "sim/support/world.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFiles = 64;  // of 8 KiB in chunks of 64 KiB: 8 sealed chunks

WorldOptions chunks() {
  WorldOptions options;
  options.sizes.assign(kFiles, 8192);
  return options;
}

void read_all(World& world, std::size_t files = kFiles) {
  for (std::size_t i = 0; i < files; ++i) world.read_object(i);
  ASSERT_TRUE(world.settle());
  for (const Outcome& outcome : world.outcomes) ASSERT_EQ(world.fault_of(outcome), "");
  world.outcomes.clear();
}

TEST(CachedChunks, a_restart_keeps_sealed_and_partial_chunks) {
  World world(chunks());
  read_all(world, 36);  // 4 sealed chunks and half of one
  world.restart();
  EXPECT_EQ(world.stats().cache_chunks_sealed, 4u);
  EXPECT_EQ(world.stats().cache_bytes, 36u * 8192);
  read_all(world, 36);
  EXPECT_EQ(world.bucket.gets, 36u);
  EXPECT_EQ(world.stats().data_read_hits, 36u);
  read_all(world);
  EXPECT_EQ(world.bucket.gets, kFiles);
  world.run_for(5s);
  EXPECT_EQ(world.stats().cache_chunks_sealed, 8u);
  EXPECT_EQ(world.stats().buffer_bytes, 0u) << "idle buffers are given back";
}

TEST(CachedChunks, a_kill_loses_at_most_what_was_not_sealed) {
  World world(chunks());
  read_all(world, 36);
  world.run_for(100ms);
  world.kill_and_restart();
  read_all(world, 36);
  EXPECT_LE(world.bucket.gets, 40u);
}

TEST(CachedChunks, a_flipped_bit_is_found_and_fetched_again) {
  World world(chunks());
  read_all(world);
  world.close();
  Rng rng(1);
  ASSERT_EQ(damage_sparse(world.cache_file(), 1, rng), 1u);
  world.open();
  read_all(world);
  EXPECT_EQ(world.stats().cache_checksum_failures, 1u);
  EXPECT_EQ(world.bucket.gets, kFiles + 8) << "the chunk's eight objects, nothing else";
}

TEST(CachedChunks, another_layout_is_dropped_whole) {
  World world(chunks());
  read_all(world);
  world.options.layout_id = 8;
  world.restart();
  EXPECT_EQ(world.stats().cache_bytes, 0u);
  read_all(world);
  EXPECT_EQ(world.bucket.gets, 2 * kFiles);
}

TEST(CachedChunks, eviction_keeps_the_bound_and_the_most_recent) {
  WorldOptions options = chunks();
  options.cache_bytes_max = 4 * options.geometry.chunk_bytes;
  World world(options);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < kFiles; ++i) {
      world.read_object(i);
      ASSERT_TRUE(world.settle());
      ASSERT_LE(world.stats().cache_bytes, options.cache_bytes_max);
    }
  }
  for (const Outcome& outcome : world.outcomes) ASSERT_EQ(world.fault_of(outcome), "");
  world.run_for(5s);
  EXPECT_GT(world.stats().cache_chunks_evicted, 10u);
  EXPECT_GE(world.stats().cache_bytes, 3u * options.geometry.chunk_bytes);
  const std::uint64_t gets = world.bucket.gets;
  world.read_object(kFiles - 1);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.bucket.gets, gets);
}

TEST(CachedChunks, a_full_disk_evicts_then_serves_from_memory) {
  World world(chunks());
  world.files[0].behaviour().no_space = 1;
  read_all(world);
  world.run_for(20s);
  EXPECT_GT(world.stats().cache_write_errors, 0u);
  EXPECT_EQ(world.stats().cache_bytes, 0u);
  read_all(world);
  EXPECT_EQ(world.stats().read_errors, 0u);
  EXPECT_EQ(world.bucket.gets, kFiles) << "memory still has it";
  world.files[0].behaviour().no_space = 0;
  world.run_for(20s);
  EXPECT_EQ(world.stats().cache_chunks_sealed, 8u) << "written once the disk has room again";
}

TEST(CachedChunks, a_disk_that_cannot_be_read_costs_gets_only) {
  WorldOptions options = chunks();
  options.files.in_page_cache = 0;
  World world(options);
  read_all(world);
  world.run_for(5s);
  world.files[0].behaviour().read_error = 1;
  read_all(world);
  EXPECT_EQ(world.stats().read_errors, 0u);
  EXPECT_GT(world.bucket.gets, kFiles);
}

TEST(CachedChunks, what_was_prefetched_is_read_from_memory_also_when_it_is_in_the_file) {
  WorldOptions options = chunks();
  options.files.in_page_cache = 0;
  options.prefetch = true;
  World world(options);
  for (std::size_t i = 0; i < 8; ++i) {
    world.read_object(i);
    ASSERT_TRUE(world.settle());
  }
  world.run_for(2s);
  ASSERT_GT(world.stats().cache_chunks_sealed, 1u);
  world.files[0].behaviour().read_error = 1;
  for (std::size_t i = 8; i < kFiles; ++i) {
    Outcome& outcome = world.read_object(i);
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(world.fault_of(outcome), "");
  }
  EXPECT_EQ(world.bucket.gets, kFiles) << "what the file could not give would be fetched again";
  world.run_for(1s);
  EXPECT_EQ(world.stats().buffer_bytes, 0u) << "read and in the file: given up at once";
}

TEST(CachedChunks, records_that_cannot_be_stored_cost_nothing_but_the_cache) {
  World world(chunks());
  world.records->refuse_store = true;
  read_all(world);
  world.run_for(100ms);
  read_all(world);
  EXPECT_EQ(world.stats().read_errors, 0u);
  EXPECT_GT(world.stats().cache_write_errors, 0u);
  EXPECT_EQ(world.stats().cache_bytes, 0u);
}

TEST(CachedChunks, without_a_cache_file_memory_is_the_cache_and_its_bound_holds) {
  WorldOptions options = chunks();
  options.use_cache = false;
  options.buffer_bytes_max = 4 * options.geometry.chunk_bytes;
  World world(options);
  for (std::size_t i = 0; i < kFiles; ++i) {
    world.read_object(i);
    ASSERT_TRUE(world.settle());
    ASSERT_LE(world.stats().buffer_bytes, options.buffer_bytes_max);
  }
  for (const Outcome& outcome : world.outcomes) ASSERT_EQ(world.fault_of(outcome), "");
  EXPECT_EQ(world.bucket.gets, kFiles);
  const std::uint64_t gets = world.bucket.gets;
  world.read_object(kFiles - 1);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.bucket.gets, gets);
  world.read_object(0);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.bucket.gets, gets + 1) << "the oldest was given up";
}

TEST(CachedChunks, prefetched_bytes_are_used_wasted_or_still_there) {
  WorldOptions options = chunks();
  options.sizes.assign(2000, 8192);
  options.prefetch = true;
  options.use_cache = false;
  World world(options);
  for (std::size_t i = 0; i < 500; ++i) {
    world.read_object(i);
    ASSERT_TRUE(world.settle());
  }
  const VolumeStats before = world.stats();
  EXPECT_GT(before.prefetch_used_bytes, 400u * 8192);
  world.close();
  EXPECT_EQ(world.leaks(), "");
}

TEST(ChunkMap, an_impossible_map_is_corrupt) {
  const format::Geometry geometry{4096, 65536};
  const auto check = [&](std::vector<format::Extent> extents) {
    return fetch::check_extents(ChunkId{0}, {std::move(extents)}, geometry).has_value();
  };
  const format::Extent good{"a", "e", 5000, 0, 0, 5000};
  EXPECT_TRUE(check({}));
  EXPECT_TRUE(check({good, {"b", "e", 10, 0, 8192, 10}}));
  EXPECT_FALSE(check({good, {"b", "e", 10, 0, 4096, 10}})) << "shares a block";
  EXPECT_FALSE(check({{"b", "e", 10, 0, 100, 10}})) << "off a block boundary";
  EXPECT_FALSE(check({{"b", "e", 10, 0, 0, 0}})) << "empty";
  EXPECT_FALSE(check({{"b", "e", 70000, 0, 0, 70000}})) << "past the chunk";
  EXPECT_FALSE(check({{"b", "e", 10, 5, 0, 10}})) << "past the object";
}

}  // namespace
}  // namespace shoal::sim
