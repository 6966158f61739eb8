// SPDX-License-Identifier: Apache-2.0
// Goal: what is asked of the bucket: small objects whole, of large ones what a reader is after, in
// direct mode exactly the blocks of the request; no byte twice at once.
// Method: one chunk owner under virtual time, a bucket that logs every range.
#include <gtest/gtest.h>

#include "sim/support/owner_world.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;
using fetch::Counters;

constexpr std::uint64_t kMiB = 1u << 20;

OwnerWorldOptions objects(std::vector<std::uint64_t> sizes) {
  OwnerWorldOptions options;
  options.geometry = {4096, 4u << 20};
  options.buffer_bytes_max = 64u << 20;
  options.sizes = std::move(sizes);
  return options;
}

// The ranges asked for, as "offset+length" in order.
class Log {
 public:
  explicit Log(OwnerWorld& world) { world.bucket.log = &asked_; }
  [[nodiscard]] std::string ranges() const {
    std::string all;
    for (const auto& asked : asked_)
      all += (all.empty() ? "" : " ") + std::to_string(asked.offset) + "+" +
             std::to_string(asked.length);
    return all;
  }
  [[nodiscard]] std::size_t size() const { return asked_.size(); }
  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t total = 0;
    for (const auto& asked : asked_) total += asked.length;
    return total;
  }

 private:
  std::vector<OracleBucket::Asked> asked_;
};

void read(OwnerWorld& world, std::uint64_t begin, std::uint32_t bytes) {
  Part& part = world.read(DataAddress{begin}, bytes);
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.fault_of(part), "");
}

// As a kernel reads a file: 128 KiB at a time.
void read_through(OwnerWorld& world, std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t at = begin; at < end; at += 128u << 10)
    read(world, at, static_cast<std::uint32_t>(std::min<std::uint64_t>(end - at, 128u << 10)));
}

TEST(Ranges, a_small_object_comes_whole_whatever_part_was_asked_for) {
  OwnerWorld world(objects({kMiB, kMiB}));
  const Log log(world);
  read(world, kMiB - 5000, 100);
  read(world, 0, 4096);
  EXPECT_EQ(log.ranges(), "0+1048576");
}

TEST(Ranges, a_footer_does_not_wait_for_the_beginning_of_its_file) {
  OwnerWorldOptions options = objects({3 * kMiB});
  options.bucket.piece_bytes = 64u << 10;
  options.bucket.piece_delay = 10ms;
  OwnerWorld world(options);
  const Log log(world);
  Part& footer = world.read(DataAddress{3 * kMiB - 65536}, 65536);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(footer), "");
  EXPECT_EQ(log.ranges(), "3080192+65536");
  EXPECT_LE(footer.ended - footer.started, 35ms);
}

TEST(Ranges, a_sequential_reader_of_a_large_object_pays_one_get_per_extent_and_one_more) {
  for (const std::uint64_t size : {kMiB + 1, 2 * kMiB, 3 * kMiB + 77, 4 * kMiB}) {
    OwnerWorld world(objects({size}));
    const Log log(world);
    read_through(world, 0, size);
    EXPECT_LE(log.size(), 2u) << size;
    EXPECT_EQ(log.bytes(), size);
  }
  OwnerWorld world(objects({18 * kMiB}));
  const Log log(world);
  read_through(world, 0, 18 * kMiB);
  EXPECT_EQ(log.size(), 6u) << log.ranges();
  EXPECT_EQ(log.bytes(), 18 * kMiB);
}

TEST(Ranges, a_read_in_the_middle_fetches_a_piece_and_the_rest_only_to_who_goes_on) {
  OwnerWorld world(objects({4 * kMiB}));
  const Log log(world);
  read(world, kMiB + 4096 + 10, 100);
  EXPECT_EQ(log.ranges(), "1052672+1048576");
  read(world, 2 * kMiB + 4096, 100);  // right behind it
  EXPECT_EQ(log.ranges(), "1052672+1048576 2101248+2093056");
  read(world, 0, 100);  // what is left in front
  EXPECT_EQ(log.ranges(), "1052672+1048576 2101248+2093056 0+1052672");
  read_through(world, 0, 4 * kMiB);
  EXPECT_EQ(log.size(), 3u);
  EXPECT_EQ(log.bytes(), 4 * kMiB);
}

TEST(Ranges, a_read_at_once_of_more_than_a_piece_is_one_get) {
  OwnerWorld world(objects({4 * kMiB}));
  const Log log(world);
  read(world, 100000, 3 * kMiB);
  EXPECT_EQ(log.size(), 1u);
}

TEST(Ranges, prefetch_fills_the_gaps_that_readers_left) {
  OwnerWorld world(objects({4 * kMiB}));
  const Log log(world);
  read(world, 2 * kMiB, 100);
  world.prefetch(DataAddress{0}, 4 * kMiB);
  world.run_for(1s);
  EXPECT_EQ(log.ranges(), "2097152+1048576 0+2097152 3145728+1048576");
  EXPECT_EQ(world.sum(&Counters::prefetched_bytes), 3 * kMiB);
  read_through(world, 0, 4 * kMiB);
  EXPECT_EQ(log.size(), 3u);
  EXPECT_EQ(world.sum(&Counters::used_bytes), 3 * kMiB);
}

TEST(Ranges, a_piecewise_fetched_chunk_is_sealed_and_survives) {
  OwnerWorld world(objects({4 * kMiB}));
  read(world, 3 * kMiB, 100);
  world.run_for(3s);  // the first piece goes to the file before the rest comes
  read_through(world, 0, 4 * kMiB);
  world.run_for(3s);
  EXPECT_EQ(world.sum(&Counters::chunks_sealed), 1u);
  EXPECT_EQ(world.buffer_bytes(), 0u);
  const std::uint64_t gets = world.bucket.gets;
  world.restart();
  read_through(world, 0, 4 * kMiB);
  EXPECT_EQ(world.bucket.gets, gets);
}

TEST(Ranges, padding_behind_an_object_costs_no_get) {
  OwnerWorld world(objects({100, 100}));
  const Log log(world);
  read(world, 200, 1000);
  EXPECT_EQ(log.size(), 0u);
  read(world, 0, 8192);
  EXPECT_EQ(log.size(), 2u);
}

TEST(Ranges, guesses_that_wait_can_be_dropped) {
  OwnerWorldOptions options = objects(std::vector<std::uint64_t>(200, 8000));
  options.requests_in_flight_max = 4;
  OwnerWorld world(options);
  const auto address = [&](std::size_t i) { return world.dataset.objects()[i].address; };
  read(world, 0, 100);  // the map is known
  world.prefetch(address(100), 50 * 8192);
  world.owner().drop_guesses();
  world.run_for(5s);
  EXPECT_LE(world.bucket.gets, 1u + 4u);
  const std::uint64_t gets = world.bucket.gets;
  world.prefetch(address(10), 20 * 8192);
  world.prefetch(address(40), 20 * 8192);
  world.owner().drop_guesses(ChunkId{0}, {40 * 8192, 60 * 8192});
  world.run_for(5s);
  EXPECT_EQ(world.bucket.gets, gets + 20);
  read(world, address(100).value, 8000);
  read(world, address(50).value, 8000);
  world.close();
  EXPECT_EQ(world.leaks(), "");
}

// ---- direct

OwnerWorldOptions direct(std::vector<std::uint64_t> sizes) {
  OwnerWorldOptions options = objects(std::move(sizes));
  options.direct = true;
  return options;
}

TEST(Direct, fetches_exactly_the_blocks_of_the_request) {
  OwnerWorld world(direct({100000, 5000, 9 * kMiB}));
  const Log log(world);
  read(world, 5000, 10);
  EXPECT_EQ(log.ranges(), "4096+4096");
  read(world, 8191, 2);
  EXPECT_EQ(log.ranges(), "4096+4096 8192+4096") << "what is there is not fetched again";
  read(world, 98304, 5000);  // the last block is clipped at the object's end; the next object too
  EXPECT_EQ(log.ranges(), "4096+4096 8192+4096 98304+1696 0+4096");
  const std::uint64_t large = world.dataset.objects()[2].address.value;
  read(world, large + 7 * kMiB + 4095, 2);
  EXPECT_EQ(log.ranges(), "4096+4096 8192+4096 98304+1696 0+4096 7340032+8192");
}

TEST(Direct, guesses_nothing) {
  OwnerWorld world(direct(std::vector<std::uint64_t>(100, 8000)));
  world.prefetch(DataAddress{0}, 100 * 8192);
  world.run_for(5s);
  EXPECT_EQ(world.bucket.gets, 0u);
}

TEST(Direct, overlapping_readers_share_what_is_on_its_way) {
  OwnerWorld world(direct({kMiB}));
  const Log log(world);
  Part& first = world.read(DataAddress{0}, 40000);
  Part& second = world.read(DataAddress{20000}, 40000);
  Part& third = world.read(DataAddress{0}, 100000);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(first) + world.fault_of(second) + world.fault_of(third), "");
  EXPECT_EQ(log.ranges(), "0+40960 40960+20480 61440+40960");
  EXPECT_EQ(world.bucket.overlapping, 0u);
}

TEST(Direct, a_whole_object_is_still_checked_against_its_md5) {
  OwnerWorldOptions options = direct({9000, 9000});
  options.etag_kind = OracleObject::ETagKind::md5;
  OwnerWorld world(options);
  world.stores[0].behaviour().damaged = 1;
  read(world, 0, 9000);
  EXPECT_EQ(world.sum(&Counters::misfit_bodies), 1u);
  EXPECT_EQ(world.bucket.gets, 2u);
}

TEST(Direct, warming_takes_the_range_and_no_more) {
  OwnerWorld world(direct({kMiB}));
  const Log log(world);
  world.warm(DataAddress{4096}, 8192);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(log.ranges(), "4096+8192");
}

}  // namespace
}  // namespace shoal::sim
