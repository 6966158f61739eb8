// SPDX-License-Identifier: Apache-2.0
// Goal: a full cache serves its share of a scan that is larger than it, of epochs in random order
// and of a known order, keeps to its bound on the disk, and what it refuses is still read.
// Method: the evictor alone on traces, against a cache that tries every choice; then chunk owners
// under virtual time with real cache files.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/support/eviction_sim.h"
#include "sim/support/owner_world.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;
using fetch::Counters;

TEST(Eviction, a_cyclic_scan_larger_than_the_cache_finds_most_of_the_caches_share) {
  const ReadTrace scan = cyclic(1000, 10);
  for (const std::size_t cached : {500u, 800u, 950u}) {
    const double share = static_cast<double>(cached) / 1000;
    EXPECT_EQ(hit_rate(Eviction::lru, scan, cached, 4000), 0);
    EXPECT_GE(hit_rate(Eviction::scan_resistant, scan, cached, 4000), 0.9 * share) << cached;
  }
  // Small caches too, and a scan that has moved to other data.
  EXPECT_GE(hit_rate(Eviction::scan_resistant, cyclic(20, 50), 16, 100), 0.7 * 0.8);
  ReadTrace moved = cyclic(1000, 5);
  for (const std::uint32_t chunk : cyclic(1000, 10)) moved.push_back(1000 + chunk);
  EXPECT_GE(hit_rate(Eviction::scan_resistant, moved, 800, 11000), 0.9 * 0.8);
}

TEST(Eviction, is_never_worse_than_random_and_on_skewed_reads_better_than_lru) {
  for (const std::size_t cached : {500u, 800u, 950u}) {
    const ReadTrace epochs = shuffled(1000, 10, 3);
    EXPECT_GE(hit_rate(Eviction::scan_resistant, epochs, cached, 4000),
              hit_rate(Eviction::random, epochs, cached, 4000));
  }
  for (const std::size_t cached : {50u, 200u, 500u}) {
    const ReadTrace skewed = zipf(1000, 30000, 4);
    EXPECT_GE(hit_rate(Eviction::scan_resistant, skewed, cached, 10000),
              hit_rate(Eviction::lru, skewed, cached, 10000));
  }
}

TEST(Eviction, a_hot_set_survives_a_scan_beside_it) {
  const ReadTrace trace = scan_beside_hot(80, 4000);
  EXPECT_LE(hit_rate(Eviction::lru, trace, 100, 240), 0.01);
  EXPECT_GE(hit_rate(Eviction::scan_resistant, trace, 100, 240), 0.9 * 0.5) << "half is the scan";
}

TEST(Eviction, keep_finds_its_share_of_shuffled_epochs) {
  const ReadTrace epochs = shuffled(1000, 6, 5);
  for (const std::size_t cached : {200u, 500u, 900u})
    EXPECT_NEAR(hit_rate(Eviction::keep, epochs, cached, 1000), static_cast<double>(cached) / 1000,
                1e-9);
}

TEST(Eviction, with_a_known_order_nothing_can_do_better) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Rng rng(seed);
    const auto chunks = static_cast<std::uint32_t>(3 + rng.below(6));
    const std::size_t capacity = 1 + rng.below(chunks);
    ReadTrace trace;
    for (std::uint64_t i = 0; i < 30; ++i)
      trace.push_back(static_cast<std::uint32_t>(rng.below(chunks)));
    const double most = static_cast<double>(most_hits(trace, capacity)) / 30;
    EXPECT_NEAR(hit_rate(Eviction::next_use, trace, capacity, 0), most, 1e-9) << seed;
    EXPECT_LE(hit_rate(Eviction::scan_resistant, trace, capacity, 0), most + 1e-9) << seed;
  }
}

// ---- with owners

constexpr std::size_t kFiles = 320;  // of 8 KiB in chunks of 64 KiB: 40 chunks

OwnerWorldOptions chunks(std::size_t cached, std::uint32_t owners = 1) {
  OwnerWorldOptions options;
  options.owners = owners;
  options.sizes.assign(kFiles, 8192);
  options.cache_bytes_max = cached * options.geometry.chunk_bytes;
  options.buffer_bytes_max = owners * 4 * options.geometry.chunk_bytes;
  return options;
}

// Reads every file once, in the order given; returns the GETs it took.
std::uint64_t read_all(OwnerWorld& world, const ReadTrace& order) {
  const std::uint64_t before = world.bucket.gets;
  for (const std::uint32_t file : order) {
    world.read_object(file);
    EXPECT_TRUE(world.settle());
    EXPECT_LE(world.cache().used_bytes(), world.options.cache_bytes_max);
  }
  EXPECT_EQ(world.faults(), "");
  world.run_for(3s);
  return world.bucket.gets - before;
}

TEST(EvictingOwner, finds_its_share_of_a_cyclic_scan) {
  for (const std::uint32_t owners : {1u, 2u}) {
    OwnerWorld world(chunks(32, owners));
    for (int round = 0; round < 4; ++round) read_all(world, cyclic(kFiles, 1));
    const std::uint64_t gets = read_all(world, cyclic(kFiles, 1));
    EXPECT_LE(gets, kFiles / 2) << owners << " owners: a fifth would be best, all with LRU";
  }
}

TEST(EvictingOwner, keeps_what_it_has_and_reads_the_rest_through_memory) {
  OwnerWorld world(chunks(20));
  world.owner().set_eviction(fetch::EvictionMode::keep);
  read_all(world, cyclic(kFiles, 1));
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch)
    EXPECT_NEAR(static_cast<double>(read_all(world, shuffled(kFiles, 1, epoch))), kFiles / 2.0, 8);
  EXPECT_EQ(world.sum(&Counters::chunks_evicted), 0u);
  EXPECT_GT(world.sum(&Counters::chunks_refused), 0u);
  EXPECT_EQ(world.buffer_bytes(), 0u) << "what was read and refused is given up";
  EXPECT_EQ(world.cache().used_bytes(), world.options.cache_bytes_max);
}

// Knows that the files are read in the order of their numbers, again and again.
class Cycle final : public fetch::NextUse {
 public:
  [[nodiscard]] std::uint64_t next_use(ChunkId chunk) const override {
    const std::uint64_t first = chunk.value * 8;
    return first > at ? first - at : first + kFiles - at;
  }
  std::uint64_t at = 0;
};

TEST(EvictingOwner, that_knows_the_order_finds_all_that_can_be_found) {
  OwnerWorld world(chunks(20));
  const auto order = std::make_shared<Cycle>();
  world.owner().set_eviction(fetch::EvictionMode::next_use, order);
  std::uint64_t gets = 0;
  for (int round = 0; round < 4; ++round) {
    const std::uint64_t before = world.bucket.gets;
    for (std::uint32_t file = 0; file < kFiles; ++file) {
      order->at = file;
      world.read_object(file);
      ASSERT_TRUE(world.settle());
    }
    ASSERT_EQ(world.faults(), "");
    gets = world.bucket.gets - before;
  }
  EXPECT_LE(gets, kFiles / 2 + 8);
}

TEST(EvictingOwner, unread_guesses_outlive_what_was_read) {
  OwnerWorld world(chunks(4));
  world.prefetch(DataAddress{0}, 64u << 10);
  world.run_for(1s);
  ASSERT_EQ(world.cache().used_bytes(), 64u << 10);
  for (std::uint32_t file = 160; file < kFiles; ++file) {
    world.read_object(file);
    ASSERT_TRUE(world.settle());
  }
  world.run_for(3s);
  const std::uint64_t gets = world.bucket.gets;
  for (std::uint32_t file = 0; file < 8; ++file) world.read_object(file);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.faults(), "");
  EXPECT_EQ(world.bucket.gets, gets);
}

// The disk may round each file up by its own bookkeeping, not by the chunk.
constexpr std::uint64_t kDiskSlack = 64u << 10;

TEST(EvictingOwner, the_disk_never_gives_out_more_than_the_bound) {
  for (const std::uint32_t block_bytes : {512u, 4096u}) {
    OwnerWorldOptions options;
    options.geometry = {block_bytes, 1u << 20};
    Rng rng(block_bytes);
    options.sizes = OracleDataset::mixed_sizes(rng, 3000, 6000, 3u << 20);
    options.cache_bytes_max = 5u << 20;
    OwnerWorld world(options);
    for (int step = 0; step < 60; ++step) {
      for (int i = 0; i < 40; ++i) {
        const std::size_t file = rng.below(options.sizes.size());
        if (options.sizes[file] > 0) world.read_object(file);
      }
      ASSERT_TRUE(world.settle());
      ASSERT_EQ(world.faults(), "");
      world.run_for(Duration(rng.below(3) * 700ms));
      ASSERT_LE(world.cache().used_bytes(), options.cache_bytes_max);
      if (step % 12 == 11) {
        ASSERT_LE(world.disk_bytes(), options.cache_bytes_max + kDiskSlack) << "step " << step;
      }
    }
    EXPECT_GT(world.sum(&Counters::chunks_evicted), 10u);
    EXPECT_GT(world.cache().used_bytes(), options.cache_bytes_max / 2);
    world.kill_and_restart();
    EXPECT_LE(world.disk_bytes(), options.cache_bytes_max + kDiskSlack);
  }
}

}  // namespace
}  // namespace shoal::sim
